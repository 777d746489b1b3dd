"""Errors as each service words them."""

from http import HTTPStatus
from typing import Any

import orjson

from .core import ApiError

JSON = "application/json"
NOVA_NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}
HTML = """<html>
 <head>
  <title>{status} {title}</title>
 </head>
 <body>
  <h1>{status} {title}</h1>
  {message}<br /><br />



 </body>
</html>"""


def _titled(error: ApiError) -> tuple[bytes, str]:
    """Keystone's; also what its middleware answers in every service when a token is not good."""
    body = {"code": error.status, "message": error.message, "title": title(error.status)}
    return orjson.dumps({"error": body}), JSON


def compute(error: ApiError, request_id: str) -> tuple[bytes, str]:
    """Nova's and Cinder's: one key, which says what went wrong."""
    if error.status == 401:
        return _titled(error)
    fault: dict[str, Any] = {"code": error.status, "message": error.message}
    if "retry-after" in error.headers:
        fault["retryAfter"] = error.headers["retry-after"]
    return orjson.dumps({NOVA_NAMES.get(error.status, "computeFault"): fault}), JSON


def network(error: ApiError, request_id: str) -> tuple[bytes, str]:
    if error.status == 401:
        return _titled(error)
    kind = error.kind or f"HTTP{title(error.status).replace(' ', '')}"
    body = {"type": kind, "message": error.message, "detail": ""}
    return orjson.dumps({"NeutronError": body}), JSON


def image(error: ApiError, request_id: str) -> tuple[bytes, str]:
    if error.status == 401:
        return _titled(error)
    page = HTML.format(status=error.status, title=title(error.status), message=error.message)
    return page.encode(), "text/html; charset=UTF-8"


def identity(error: ApiError, request_id: str) -> tuple[bytes, str]:
    return _titled(error)


def title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
