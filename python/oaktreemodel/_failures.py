"""From what gRPC says to the errors of this package."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, cast

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from oaktreemodel._address import Endpoint
from oaktreemodel._explain import explain
from oaktreemodel.errors import (
    AlreadyExists,
    Ambiguous,
    Cancelled,
    Conflict,
    DataLoss,
    DeadlineExceeded,
    Failed,
    Internal,
    InvalidArgument,
    NotFound,
    OaktreeError,
    PartialFailure,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from oaktreemodel.v1 import error_pb2

OnFailure: TypeAlias = Callable[[OaktreeError], object]

# The one reason that is no failure of a list: a place that lacks a service has none of its things.
SERVICE_ABSENT = "SERVICE_ABSENT"
# Of a call whose token is none, wrong, expired or revoked. Nothing was done.
TOKEN_REFUSED = "UNAUTHENTICATED"
# Of a credential that the cloud does not take: no new token helps.
CREDENTIALS_REFUSED = "CREDENTIALS_REFUSED"

_BY_REASON: Mapping[str, type[OaktreeError]] = {
    "NAME_AMBIGUOUS": Ambiguous,
    "CHOICE_NEEDED": Ambiguous,
    "QUOTA_EXCEEDED": QuotaExceeded,
    "RATE_LIMITED": RateLimited,
}

_BY_CODE: Mapping[grpc.StatusCode, type[OaktreeError]] = {
    grpc.StatusCode.CANCELLED: Cancelled,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.OUT_OF_RANGE: InvalidArgument,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.FAILED_PRECONDITION: Failed,
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.UNIMPLEMENTED: Unimplemented,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DATA_LOSS: DataLoss,
}

_CODES: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS: tuple[type[Message], ...] = (ErrorInfo, BadRequest, RetryInfo, error_pb2.QuotaExceeded)


def closed() -> Cancelled:
    """What a call of a closed client ends with."""
    return Cancelled("the client was closed", code=grpc.StatusCode.CANCELLED)


def ended(what: str) -> Internal:
    """What a server deserves that ends a stream which was to go on."""
    return Internal(f"the server ended {what}", code=grpc.StatusCode.INTERNAL)


def from_status(status: Status, request_id: str = "") -> OaktreeError:
    """The error that a status says: that of a call, or that of one place inside a stream."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    details = [message for one in status.details if (message := _unpack(one))]
    reason = next((one.reason for one in details if isinstance(one, ErrorInfo)), "")
    kind = _BY_REASON.get(reason) or _BY_CODE.get(code, Internal)
    return kind(status.message or code.name, code=code, details=details, request_id=request_id)


def from_failure(failure: error_pb2.Failure, request_id: str = "") -> OaktreeError:
    """The error of one place inside a stream."""
    error = from_status(failure.status, request_id)
    error.cloud = error.cloud or failure.location.cloud
    error.region = error.region or failure.location.region
    return error


def reason_of(error: grpc.RpcError) -> str:
    """Why a call failed; empty where the server gave no reason."""
    return from_status(_status(error)).reason


def from_call(error: grpc.RpcError, at: Endpoint, request_id: str, hint: str = "") -> OaktreeError:
    """The error of a call that failed as a whole.

    The hint is added where it is the token that was refused.
    """
    status = _status(error)
    made = from_status(status, request_id)
    if hint and made.reason == TOKEN_REFUSED:
        status.message = f"{made.message}; {hint}"
        return from_status(status, request_id)
    # Every error that an oaktree makes has a reason; what has none comes from the way there.
    if not made.reason and (advice := explain(made, at)):
        made = type(made)(advice, code=made.code, request_id=request_id)
    return made


def _status(error: grpc.RpcError) -> Status:
    # Every RpcError that a call raises is that call, too, which gRPC's types do not say.
    call = cast(grpc.Call, error)
    code = call.code() or grpc.StatusCode.UNKNOWN
    status = Status(code=code.value[0], message=call.details() or "")
    for key, value in call.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            # A server's mistake there must not hide its error.
            with contextlib.suppress(DecodeError):
                status.MergeFrom(Status.FromString(value))
    return status


def _unpack(detail: Any) -> Message | None:
    for kind in _DETAILS:
        message = kind()
        with contextlib.suppress(DecodeError):
            if detail.Unpack(message):
                return message
    return None


class Failures:
    """The failures of one call, as they come in."""

    def __init__(self, on_failure: OnFailure | None, request_id: str = "") -> None:
        self._on_failure = on_failure
        self._request_id = request_id
        self._kept: list[OaktreeError] = []

    def add(self, failures: Iterable[error_pb2.Failure]) -> None:
        """Hand them to the callback, or keep them where there is none."""
        for one in failures:
            error = from_failure(one, self._request_id)
            if error.reason == SERVICE_ABSENT:
                continue
            if self._on_failure is not None:
                self._on_failure(error)
            else:
                self._kept.append(error)

    def finish(self, results: Iterable[Message] = ()) -> None:
        """Raises PartialFailure if any were kept."""
        if self._kept:
            raise PartialFailure(self._kept, list(results))
