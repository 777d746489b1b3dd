"""What is told when something fails: one exception of ours, for everything that can.

A call fails with a gRPC code and `google.rpc` details. Clients judge by the reason, which is a word
of `oaktreemodel.v1.Reason`; the message is for people. Text of the cloud's is passed on, since it
is what explains a refusal; text of stray exceptions is not, since nobody knows what is in it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from oaktreemodel.v1.error_pb2 import Reason

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


def unauthenticated(message: str) -> Refused:
    """Nothing was done: the caller did not show who it is."""
    return Refused(Code.UNAUTHENTICATED, Reason.REASON_UNAUTHENTICATED, message)


def service_absent(service: str, part: str = "") -> Refused:
    """The region has no such service, or its service not that part."""
    lacks = f"the {service} service has no {part}" if part else f"there is no {service} service"
    return failed(Reason.REASON_SERVICE_ABSENT, lacks).at(service=service)


def unversioned(service: str) -> Refused:
    return Refused(
        Code.UNAVAILABLE,
        Reason.REASON_CLOUD_UNREACHABLE,
        f"the {service} service does not say which versions it speaks",
        {"service": service},
    )


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
    delay = duration_pb2.Duration()
    delay.FromMilliseconds(math.ceil(seconds * 1000))
    retry = error_details_pb2.RetryInfo(retry_delay=delay)
    return Refused(Code.RESOURCE_EXHAUSTED, Reason.REASON_RATE_LIMITED, message, details=[retry])


def listed(names: Any) -> str:
    """Names for a message: none as a word, many cut."""
    names = [str(name) or "the one without a name" for name in names]
    if not names:
        return "none"
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
