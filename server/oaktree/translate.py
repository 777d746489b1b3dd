"""What is told of others' exceptions: one table, from the clouds' and the libraries' to ours."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable

import grpc
import requests
import urllib3
from keystoneauth1 import exceptions as ks
from oaktreemodel.v1.error_pb2 import Reason
from openstack import exceptions as sdk

from oaktree import quota
from oaktree.errors import Code, Refused, rate_limited
from oaktree.http import retry_after

LOG = logging.getLogger(__name__)

_HTTP: dict[int, tuple[grpc.StatusCode, Reason.ValueType]] = {
    400: (Code.INVALID_ARGUMENT, Reason.REASON_INVALID_ARGUMENT),
    # keystoneauth has renewed the token once by then: the cloud means it.
    401: (Code.PERMISSION_DENIED, Reason.REASON_POLICY_FORBIDS),
    403: (Code.PERMISSION_DENIED, Reason.REASON_POLICY_FORBIDS),
    404: (Code.NOT_FOUND, Reason.REASON_NOT_FOUND),
    405: (Code.UNIMPLEMENTED, Reason.REASON_NOT_OFFERED),
    406: (Code.FAILED_PRECONDITION, Reason.REASON_NOT_OFFERED),
    409: (Code.FAILED_PRECONDITION, Reason.REASON_CONFLICT),
    412: (Code.ABORTED, Reason.REASON_REVISION_MISMATCH),
    501: (Code.UNIMPLEMENTED, Reason.REASON_NOT_OFFERED),
    502: (Code.UNAVAILABLE, Reason.REASON_CLOUD_ERROR),
    503: (Code.UNAVAILABLE, Reason.REASON_CLOUD_ERROR),
    504: (Code.UNAVAILABLE, Reason.REASON_CLOUD_ERROR),
}


def _cloud_text(error: sdk.HttpException) -> str:
    """What the cloud said, without the address it said it at."""
    # Some services write a page, and send its text alone.
    text = re.sub(r"<br ?/?>", " ", str(error.details or error.message or ""))
    # JSON may hold halves of letters, which no protobuf takes.
    return re.sub(r"\s+", " ", text.encode(errors="replace").decode()).strip()


def _from_http(error: sdk.HttpException) -> Refused:
    response = error.response
    status = error.status_code or (response.status_code if response is not None else 0) or 500
    text = _cloud_text(error)
    body = response.text if response is not None else ""
    headers = response.headers if response is not None else {}
    metadata = {"cloud_request_id": error.request_id or ""}
    exceeded = quota.recognise(status, text, body)
    if exceeded is not None:
        refused = Refused(
            Code.RESOURCE_EXHAUSTED, Reason.REASON_QUOTA_EXCEEDED, text, details=[exceeded]
        )
    elif status == 429 or (status == 413 and "Retry-After" in headers):
        refused = rate_limited(text or "too many requests", retry_after(headers) or 1.0)
    elif status == 409 and re.search(r"already exists|already in use by", text):
        refused = Refused(Code.ALREADY_EXISTS, Reason.REASON_ALREADY_EXISTS, text)
    else:
        # Any other 4xx is the caller's to mend; all else is the cloud's.
        default = (
            (Code.FAILED_PRECONDITION, Reason.REASON_CONFLICT)
            if 400 <= status < 500
            else (Code.UNKNOWN, Reason.REASON_CLOUD_ERROR)
        )
        code, reason = _HTTP.get(status, default)
        if status == 401:
            # This alone would read as if the token were wrong.
            text = f"the cloud does not let the token do this; it may be under access rules: {text}"
        refused = Refused(code, reason, text or f"the cloud answered {status}")
    return refused.at(**metadata)


def _unreachable(error: BaseException) -> Refused:
    return Refused(
        Code.UNAVAILABLE,
        Reason.REASON_CLOUD_UNREACHABLE,
        f"the cloud cannot be reached or broke off: {type(error).__name__}",
    )


def _fixed(
    code: grpc.StatusCode, reason: Reason.ValueType, message: str
) -> Callable[[BaseException], Refused]:
    return lambda error: Refused(code, reason, message)


def _credentials_refused(error: BaseException) -> Refused:
    return Refused(
        Code.UNAUTHENTICATED,
        Reason.REASON_CREDENTIALS_REFUSED,
        "the cloud does not accept the credentials of its entry in clouds.yaml",
    )


def _with_text(
    code: grpc.StatusCode, reason: Reason.ValueType
) -> Callable[[BaseException], Refused]:
    return lambda error: Refused(code, reason, str(error))


# The first row that fits decides, so the narrower stands first.
_TABLE: tuple[
    tuple[type[BaseException] | tuple[type[BaseException], ...], Callable[..., Refused]], ...
] = (
    (Refused, lambda error: error),
    (sdk.HttpException, _from_http),
    (ks.Unauthorized, _credentials_refused),
    (
        (ks.EndpointNotFound, ks.EmptyCatalog, sdk.EndpointNotFound),
        _fixed(
            Code.FAILED_PRECONDITION,
            Reason.REASON_SERVICE_ABSENT,
            "the cloud does not have the service",
        ),
    ),
    (
        # Which those of requests and orjson are, too.
        json.JSONDecodeError,
        _fixed(
            Code.UNKNOWN, Reason.REASON_CLOUD_ERROR, "the cloud answered with something not JSON"
        ),
    ),
    (ks.ConnectTimeout, _unreachable),
    (ks.ConnectFailure, _unreachable),
    (ks.DiscoveryFailure, _unreachable),
    (ks.ConnectionError, _unreachable),
    # The last are what the reading of a body that streams raises.
    ((requests.RequestException, urllib3.exceptions.HTTPError), _unreachable),
    (ks.HttpError, lambda error: _from_keystone(error)),
    (
        (ks.AuthPluginException, ks.AuthorizationFailure, sdk.ConfigException),
        _fixed(
            Code.FAILED_PRECONDITION,
            Reason.REASON_CONFIGURATION_INVALID,
            "the cloud's entry in clouds.yaml does not say how to authenticate",
        ),
    ),
    (sdk.NotSupported, _with_text(Code.FAILED_PRECONDITION, Reason.REASON_NOT_OFFERED)),
    (sdk.InvalidRequest, _with_text(Code.INVALID_ARGUMENT, Reason.REASON_INVALID_ARGUMENT)),
    (
        TimeoutError,
        _fixed(
            Code.DEADLINE_EXCEEDED,
            Reason.REASON_DEADLINE_EXCEEDED,
            "the time given for the call is over",
        ),
    ),
)


def _from_keystone(error: ks.HttpError) -> Refused:
    code, reason = _HTTP.get(error.http_status, (Code.UNKNOWN, Reason.REASON_CLOUD_ERROR))
    return Refused(code, reason, f"the cloud's identity service answered {error.http_status}").at(
        cloud_request_id=error.request_id or "", service="identity"
    )


def translate(error: BaseException) -> Refused:
    """What to tell of an exception. What is in no table is a fault of oaktree's own: logged with
    an id, told as INTERNAL with that id and nothing else."""
    for kinds, to_refused in _TABLE:
        if isinstance(error, kinds):
            return to_refused(error)
    mark = uuid.uuid4().hex[:12]
    LOG.error("fault %s", mark, exc_info=error)
    return Refused(
        Code.INTERNAL,
        Reason.REASON_INTERNAL,
        f"a fault of oaktree's own; its log has more under {mark}",
        metadata={"fault": mark},
    )


def address(error: BaseException | None) -> str:
    """Where the request went that failed; empty if none is known. Of a connection that failed,
    keystoneauth tells it only in the exception that it made its own from."""
    while error is not None:
        request = getattr(error, "request", None)
        url = getattr(error, "url", None) or getattr(request, "url", None)
        if url:
            return str(url)
        error = error.__cause__ or error.__context__
    return ""
