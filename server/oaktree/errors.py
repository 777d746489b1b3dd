"""What is told when something fails: one exception of ours, and the table from others' to it.

A call fails with a gRPC code and `google.rpc` details. Clients judge by the reason, which is a word
of `oaktreemodel.v1.Reason`; the message is for people. Text of the cloud's is passed on, since it
is what explains a refusal; text of stray exceptions is not, since nobody knows what is in it.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import grpc
import orjson
import requests
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from keystoneauth1 import exceptions as ks
from oaktreemodel.v1.error_pb2 import Reason
from openstack import exceptions as sdk

from oaktree import quota

LOG = logging.getLogger(__name__)
Code = grpc.StatusCode
# Beyond 8 KiB of headers gRPC turns any error into RESOURCE_EXHAUSTED. The message is sent twice,
# once with every odd byte as three, once with the details in base64; in UTF-8 bytes, each text.
TEXT_LIMIT, SHORT_LIMIT = 600, 150


@dataclass
class Refused(Exception):
    """A call, or one place of it, that failed, ready to be told.

    `metadata` goes into ErrorInfo: cloud, region, service, cloud_request_id. `details` are further
    messages such as QuotaExceeded.
    """

    code: grpc.StatusCode
    reason: Reason.ValueType
    message: str
    metadata: dict[str, str] = field(default_factory=dict)
    details: Sequence[Message] = ()

    def __str__(self) -> str:
        return self.message

    def at(self, **metadata: str) -> Refused:
        """The same with what is known of where it happened; what it says itself wins."""
        known = {key: value for key, value in metadata.items() if value}
        return replace(self, metadata=known | self.metadata)

    def status(self) -> status_pb2.Status:
        """It as google.rpc.Status: what a stream carries and what a call's trailer holds."""
        info = error_details_pb2.ErrorInfo(
            reason=reason_word(self.reason),
            domain="oaktree",
            metadata={key: _cut(value, SHORT_LIMIT) for key, value in self.metadata.items()},
        )
        return status_pb2.Status(
            code=self.code.value[0],
            message=_cut(self.message),
            details=[_packed(detail) for detail in (info, *self.details)],
        )


def _shorten(message: Message) -> None:
    """Cuts the texts of a detail, which may quote a request or a cloud at any length."""
    for part, value in message.ListFields():
        if part.type == part.TYPE_STRING and not part.is_repeated:
            limit = TEXT_LIMIT if part.name == "description" else SHORT_LIMIT
            setattr(message, part.name, _cut(value, limit))
        elif part.type == part.TYPE_MESSAGE and part.is_repeated and not _is_map(part):
            for one in value:
                _shorten(one)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def reason_word(reason: Reason.ValueType) -> str:
    return Reason.Name(reason).removeprefix("REASON_")


def _cut(text: str, limit: int = TEXT_LIMIT) -> str:
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return text
    return encoded[: limit - 3].decode("utf-8", "ignore") + "…"


def _packed(message: Message) -> any_pb2.Any:
    packed, short = any_pb2.Any(), type(message)()
    short.CopyFrom(message)
    _shorten(short)
    packed.Pack(short)
    return packed


def invalid(
    fieldname: str, message: str, reason: Reason.ValueType = Reason.REASON_INVALID_ARGUMENT
) -> Refused:
    """An argument that will not do. The message names the fix; the field goes into BadRequest."""
    violation = error_details_pb2.BadRequest.FieldViolation(field=fieldname, description=message)
    return Refused(
        Code.INVALID_ARGUMENT,
        reason,
        f"{fieldname}: {message}",
        details=[error_details_pb2.BadRequest(field_violations=[violation])],
    )


def not_found(noun: str, name: str) -> Refused:
    return Refused(Code.NOT_FOUND, Reason.REASON_NOT_FOUND, f"there is no {noun} {name!r}")


def ambiguous(fieldname: str, noun: str, name: str, ids: Iterable[str]) -> Refused:
    listed = sorted(ids)
    shown = ", ".join(listed[:10]) + (" and more" if len(listed) > 10 else "")
    return invalid(
        fieldname,
        f"{len(listed)} {noun}s are named {name!r}; give the id of one: {shown}",
        Reason.REASON_NAME_AMBIGUOUS,
    )


def choice_needed(fieldname: str, message: str) -> Refused:
    return invalid(fieldname, message, Reason.REASON_CHOICE_NEEDED)


def failed(reason: Reason.ValueType, message: str) -> Refused:
    return Refused(Code.FAILED_PRECONDITION, reason, message)


def not_offered(message: str) -> Refused:
    return failed(Reason.REASON_NOT_OFFERED, message)


def service_absent(service: str, part: str = "") -> Refused:
    """The region has no such service, or its service not that part."""
    lacks = f"the {service} service has no {part}" if part else f"there is no {service} service"
    return failed(Reason.REASON_SERVICE_ABSENT, lacks).at(service=service)


def passing(refused: Refused) -> bool:
    """Whether a failure may pass, so that a wait goes on."""
    return (
        refused.code in (Code.UNAVAILABLE, Code.UNKNOWN)
        or refused.reason == Reason.REASON_RATE_LIMITED
    )


def broken_off() -> Refused:
    """A change whose answer never came. Not UNAVAILABLE, upon which wrappers try again: what is
    made twice is worse than what somebody has to look for."""
    return Refused(
        Code.UNKNOWN,
        Reason.REASON_CLOUD_UNREACHABLE,
        "the cloud broke off during a change, which may or may not have taken effect: look before "
        "trying again",
    )


def shutting_down() -> Refused:
    return Refused(
        Code.UNAVAILABLE, Reason.REASON_SHUTTING_DOWN, "this oaktree is shutting down; ask again"
    )


def rate_limited(message: str, seconds: float) -> Refused:
    retry = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=int(seconds)))
    return Refused(Code.RESOURCE_EXHAUSTED, Reason.REASON_RATE_LIMITED, message, details=[retry])


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
    return re.sub(r"\s+", " ", str(error.details or error.message or "")).strip()


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
        refused = rate_limited(text or "too many requests", _retry_after(headers))
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
        refused = Refused(code, reason, text or f"the cloud answered {status}")
    return refused.at(**metadata)


def _retry_after(headers: object) -> float:
    value = headers.get("Retry-After", "") if hasattr(headers, "get") else ""
    return float(value) if re.fullmatch(r"\d{1,6}", value) else 1.0


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
    (ks.ConnectTimeout, _unreachable),
    (ks.ConnectFailure, _unreachable),
    (ks.DiscoveryFailure, _unreachable),
    (ks.ConnectionError, _unreachable),
    (requests.RequestException, _unreachable),
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
        orjson.JSONDecodeError,
        _fixed(
            Code.UNKNOWN, Reason.REASON_CLOUD_ERROR, "the cloud answered with something not JSON"
        ),
    ),
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
