"""Errors as each service words them."""

from html import escape
from http import HTTPStatus
from typing import Any

import orjson

from .core import NO_ROUTE, ApiError

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
# An ApiError of this kind has its message behind Glance's standing explanation.
DETAIL = "detail"
EXPLANATIONS = {
    403: "Access was denied to this resource.",
    409: "There was a conflict when trying to complete your request.",
    415: "The request media type is not supported by this server.",
    416: "The Range requested is not available.",
}
# An ApiError of Swift whose message is not HTML is of the kind that this names, or of JSON.
PLAIN = "text/plain"
# What Swift says where it has nothing of its own to say.
STANDING = {
    400: "The server could not comply with the request since it is either malformed or otherwise "
    "incorrect.",
    401: "This server could not verify that you are authorized to access the document you "
    "requested.",
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
    405: "The method is not allowed for this resource.",
    409: "There was a conflict when trying to complete your request.",
    412: "A precondition for this request was not met.",
    416: "The Range requested is not available.",
    422: "Unable to process the contained instructions",
}
OAUTH = ("invalid_client", "invalid_request", "unsupported_grant_type", "other_error")
HTML = """<html>
 <head>
  <title>{status} {title}</title>
 </head>
 <body>
  <h1>{status} {title}</h1>
  {message}<br /><br />
{detail}


 </body>
</html>"""


def _titled(error: ApiError) -> tuple[bytes, str]:
    """Keystone's; also what its middleware answers for most services to a token that is no good."""
    body = {"code": error.status, "message": error.message, "title": title(error.status)}
    return orjson.dumps({"error": body}), JSON


def _page(error: ApiError) -> tuple[bytes, str]:
    message, detail = error.message, ""
    if error.kind == DETAIL:
        message, detail = EXPLANATIONS[error.status], error.message
    page = HTML.format(
        status=error.status,
        title=title(error.status),
        message=escape(message),
        detail=escape(detail),
    )
    return page.encode(), "text/html; charset=UTF-8"


def _fault(error: ApiError, content_type: str) -> tuple[bytes, str]:
    """Nova's and Cinder's: one key, which says what went wrong."""
    if error.status == 401:
        return _titled(error)
    if error.kind == NO_ROUTE:
        return _page(error)
    fault: dict[str, Any] = {"code": error.status, "message": error.message}
    if "retry-after" in error.headers:
        fault["retryAfter"] = error.headers["retry-after"]
    return orjson.dumps({NOVA_NAMES.get(error.status, "computeFault"): fault}), content_type


def compute(error: ApiError) -> tuple[bytes, str]:
    return _fault(error, "application/json; charset=UTF-8")


def volume(error: ApiError) -> tuple[bytes, str]:
    return _fault(error, JSON)


def network(error: ApiError) -> tuple[bytes, str]:
    if error.status == 401:
        return _titled(error)
    kind = error.kind or f"HTTP{title(error.status).replace(' ', '')}"
    body = {"type": kind, "message": error.message, "detail": ""}
    return orjson.dumps({"NeutronError": body}), JSON


def image(error: ApiError) -> tuple[bytes, str]:
    return _page(error)


def object_store(error: ApiError) -> tuple[bytes, str]:
    """A page of its own where the error has no message."""
    if error.kind in (PLAIN, JSON):
        return error.message.encode(), error.kind
    standing = STANDING.get(error.status, "")
    page = f"<html><h1>{title(error.status)}</h1><p>{standing}</p></html>"
    if error.message not in ("", standing):
        page = error.message
    return page.encode(), "text/html; charset=UTF-8"


def identity(error: ApiError) -> tuple[bytes, str]:
    if error.kind in OAUTH:
        return orjson.dumps({"error": error.kind, "error_description": error.message}), JSON
    return _titled(error)


def title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
