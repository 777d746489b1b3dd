"""Everything a call can raise.

    OaktreeError
     ├─ InvalidArgument          an argument is missing, malformed or unknown; see `fields`
     │   └─ Ambiguous            a name fits several things, or a choice of place is needed
     ├─ NotFound                 there is no such thing, or the caller may not see it
     ├─ AlreadyExists            something of that name exists, or the request id was used before
     ├─ Unauthenticated          the credentials are not accepted
     ├─ PermissionDenied         the cloud's policy forbids it
     ├─ Failed                   what was waited for failed, or the cloud cannot do this now
     ├─ Conflict                 the thing changed meanwhile
     ├─ ResourceExhausted
     │   ├─ QuotaExceeded        a quota is used up; see `quota`, `used`, `max`, `requested`
     │   └─ RateLimited          the cloud asks for fewer requests; see `retry_after`
     ├─ DeadlineExceeded         the time given for the call is over
     ├─ Unavailable              oaktree, or the cloud behind it, cannot be reached
     ├─ Unimplemented            the server or the cloud is too old for this
     ├─ Cancelled                the call was cancelled from the other side
     ├─ DataLoss                 bytes that arrived are not those that were sent; none are kept
     ├─ Internal                 a fault of oaktree's own, or of the cloud
     └─ PartialFailure           a list over several places lacks some; see `failures`

Programs judge by the class and by `reason`; the message is for people. The gRPC error that an error
was made from is its `__cause__`.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo

from oaktreemodel.v1 import error_pb2

M = TypeVar("M", bound=Message)


class OaktreeError(Exception):
    """The base of every error of a call.

    Attributes:
        message: What went wrong, for people.
        code: The gRPC status code.
        reason: Why, for programs: a value of `oaktreemodel.v1.Reason` without its prefix, such as
            "NAME_AMBIGUOUS". Empty when the server gave none.
        cloud: The cloud it happened in. Empty when it is about none.
        region: The region it happened in. Empty when it is about none.
        metadata: What else the server says of it: service, cloud_request_id.
        details: Every detail of the error that this version knows, as messages.
        request_id: The id of the change that failed, to find it in logs or to ask again. Empty for
            reads.
    """

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        details: Sequence[Message] = (),
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.details = tuple(details)
        self.request_id = request_id
        info = self._detail(ErrorInfo) or ErrorInfo()
        self.reason: str = info.reason
        self.metadata: Mapping[str, str] = dict(info.metadata)
        self.cloud: str = info.metadata.get("cloud", "")
        self.region: str = info.metadata.get("region", "")

    def _detail(self, kind: type[M]) -> M | None:
        return next((one for one in self.details if isinstance(one, kind)), None)

    def __str__(self) -> str:
        place = "/".join(one for one in (self.cloud, self.region) if one)
        notes = {"": self.reason, "in": place, "request id": self.request_id}
        told = ", ".join(f"{name} {value}".strip() for name, value in notes.items() if value)
        return f"{self.message} ({told})" if told else self.message


class InvalidArgument(OaktreeError):
    """An argument is missing, malformed, out of range or unknown to the server."""

    @property
    def fields(self) -> dict[str, str]:
        """The request's fields that are wrong, by path, and what is wrong with each."""
        detail = self._detail(BadRequest) or BadRequest()
        return {one.field: one.description for one in detail.field_violations}


class Ambiguous(InvalidArgument):
    """A name fits several things, or several places and none was named; the message lists them."""


class NotFound(OaktreeError):
    """There is no such thing, cloud or region, or the caller may not see it."""


class AlreadyExists(OaktreeError):
    """Something of that name exists, or the request id was used with other arguments."""


class Unauthenticated(OaktreeError):
    """The caller's credentials, or the cloud's, are not accepted."""


class PermissionDenied(OaktreeError):
    """The cloud's policy forbids it to this caller."""


class Failed(OaktreeError):
    """What was waited for failed, or what a thing is doing now does not allow the call."""


class Conflict(OaktreeError):
    """The thing changed since the given revision, or is being changed by somebody else."""


class ResourceExhausted(OaktreeError):
    """There is no more of something, now or at all."""


class QuotaExceeded(ResourceExhausted):
    """A quota of the cloud is used up. Numbers are None when the cloud does not tell them."""

    @property
    def quota(self) -> str:
        """The quota in the cloud's own word, such as "instances"."""
        return self._quota.quota

    @property
    def used(self) -> int | None:
        """How many were used when the call failed."""
        return self._quota.used if self._quota.HasField("used") else None

    @property
    def max(self) -> int | None:
        """How many there may be."""
        return self._quota.max if self._quota.HasField("max") else None

    @property
    def requested(self) -> int | None:
        """How many the call asked for."""
        return self._quota.requested if self._quota.HasField("requested") else None

    @property
    def _quota(self) -> error_pb2.QuotaExceeded:
        return self._detail(error_pb2.QuotaExceeded) or error_pb2.QuotaExceeded()


class RateLimited(ResourceExhausted):
    """The cloud asks for fewer requests."""

    @property
    def retry_after(self) -> datetime.timedelta | None:
        """How long to wait before asking again. None when the cloud does not tell."""
        detail = self._detail(RetryInfo)
        return detail.retry_delay.ToTimedelta() if detail else None


class DeadlineExceeded(OaktreeError):
    """The time given for the call is over. A change may have been made all the same."""


class Unavailable(OaktreeError):
    """oaktree cannot be reached, or the cloud behind it, or the connection broke."""


class Unimplemented(OaktreeError):
    """The server does not know the call or a part of it, or the cloud is too old for it."""


class Cancelled(OaktreeError):
    """The call was cancelled, and not by this side."""


class DataLoss(OaktreeError):
    """What arrived is not what was sent, by its hash or its length. Nothing of it is kept, but for
    what was written to a file that the caller opened himself."""


class Internal(OaktreeError):
    """A fault of oaktree's own, or of the cloud."""


class PartialFailure(OaktreeError):
    """Some places, or some of several changes, failed; the others' results were handed over.

    Attributes:
        failures: The error of each that failed, at least one.
        results: What succeeded, of a call that returns a list at once. Empty for a list that was
            iterated over, whose items the loop has had.
    """

    def __init__(
        self, failures: Sequence[OaktreeError] = (), results: Sequence[Message] = ()
    ) -> None:
        told = "; ".join(map(str, failures))
        super().__init__(
            f"{len(failures)} of the places (or changes) asked for failed, what the others told is"
            f" complete; with on_failure= each is told instead: {told}"
        )
        self.failures = tuple(failures)
        self.results = tuple(results)

    def __reduce__(self) -> tuple[type[PartialFailure], tuple[object, ...]]:
        return type(self), (self.failures, self.results)
