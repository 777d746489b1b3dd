"""What a request may hold, checked before anything is asked of a cloud.

By the fields' names, as these say what they hold in every request: a rule here covers every
resource that comes.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.protobuf import unknown_fields
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from oaktreemodel.v1.error_pb2 import Reason

from oaktree.convert import MARK
from oaktree.errors import Refused, invalid

# Nova's limit on user data, once base64-encoded.
USER_DATA_LIMIT = 65535
_KEY_TYPES = r"(ssh-|ecdsa-|sk-)[\w@.-]+"


def refuse_unknown(message: Message, path: str = "") -> None:
    """UNIMPLEMENTED when the request, at any depth, holds a field or an enum value that this server
    does not know: else a newer client's "dry run" would be an older server's deletion."""
    unknown = unknown_fields.UnknownFieldSet(message)
    if len(unknown):
        raise _unknown(f"field {unknown[0].field_number} of {path or message.DESCRIPTOR.name}")
    for field, value in message.ListFields():
        here = f"{path}.{field.name}" if path else field.name
        if field.enum_type is not None:
            for number in value if field.is_repeated else [value]:
                if number not in field.enum_type.values_by_number:
                    raise _unknown(f"value {number} of {here}")
        elif field.message_type is not None:
            for one in _messages(field, value):
                refuse_unknown(one, here)


def _unknown(what: str) -> Refused:
    return Refused(
        grpc.StatusCode.UNIMPLEMENTED,
        Reason.REASON_UNKNOWN_FIELD,
        f"this oaktree is older than its client and does not know {what}; nothing was done",
    )


def _messages(field: FieldDescriptor, value: Any) -> Iterator[Message]:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        yield from value.values() if kind.fields_by_name["value"].message_type else ()
    elif field.is_repeated:
        yield from value
    else:
        yield value


def _is_uuid(value: str) -> str | None:
    # Python's own takes what no cloud does, in whose headers it may stand.
    if re.fullmatch(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
        return None
    return "must be a UUID, such as 6fa459ea-ee8a-3ca4-894e-db77e160355e"


def _is_address(value: str) -> str | None:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return f"{value!r} is not an IPv4 or IPv6 address"
    return None


def _is_address_or_cidr(value: str) -> str | None:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return f"{value!r} is neither an address nor a CIDR such as 192.0.2.0/24"
    return None


def _version(version: int) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        try:
            if ipaddress.ip_address(value).version == version:
                return None
        except ValueError:
            pass
        return f"{value!r} is not an IPv{version} address"

    return check


def _is_mac(value: str) -> str | None:
    if re.fullmatch(r"([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}", value):
        return None
    return f"{value!r} is not a hardware address such as fa:16:3e:00:00:01"


def _is_public_key(value: str) -> str | None:
    key = value.strip()
    if "PRIVATE KEY" in key:
        return "this is a private key; give the public one"
    if re.match(rf"{_KEY_TYPES} [A-Za-z0-9+/]+=*( |$)", key) or key.startswith("-----BEGIN CERT"):
        return None
    return 'must be a line as in an authorized_keys file: "ssh-ed25519 AAAA... comment"'


def _is_small_user_data(value: bytes) -> str | None:
    encoded = (len(value) + 2) // 3 * 4
    if encoded <= USER_DATA_LIMIT:
        return None
    return (
        f"{len(value)} bytes are {encoded} once base64-encoded, and clouds take {USER_DATA_LIMIT}; "
        "let it fetch the rest"
    )


_BY_NAME: dict[str, Callable[[Any], str | None]] = {
    "request_id": _is_uuid,
    "fixed_ip": _is_address,
    "fixed_ip_address": _is_address,
    "floating_ip_address": _is_address,
    "ip_address": _is_address_or_cidr,
    "access_ipv4": _version(4),
    "access_ipv6": _version(6),
    "mac_address": _is_mac,
    "public_key": _is_public_key,
    "user_data": _is_small_user_data,
}
# Limits that an Update takes away so.
_LIFTED_BELOW_ZERO = ("quota_bytes", "quota_count")
_NUMBERS = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)


def check(message: Message, path: str = "") -> None:
    """INVALID_ARGUMENT, naming the field and the fix, for what can be seen to be wrong."""
    for field, value in message.ListFields():
        here = f"{path}.{field.name}" if path else field.name
        rule = _BY_NAME.get(field.name)
        wrong: str | None = None
        if rule is not None and value and not field.is_repeated and field.message_type is None:
            wrong = rule(value)
        elif (
            field.cpp_type in _NUMBERS
            and not field.is_repeated
            and value < 0
            and field.name not in _LIFTED_BELOW_ZERO
        ):
            wrong = f"{value} is negative"
        elif field.name == "size_gib" and value == 0:
            wrong = "must be at least 1"
        elif field.name in ("metadata", "tags", "properties"):
            wrong = _marks(field, value)
        elif field.message_type is not None and field.message_type.name == "Duration":
            # protobuf's own range; what is beyond it no clock can tell.
            fits = 0 <= value.seconds <= 315_576_000_000 and value.nanos >= 0
            wrong = None if fits else "is negative, or too long"
        elif field.message_type is not None:
            for index, one in enumerate(_messages(field, value)):
                check(one, f"{here}[{index}]" if field.is_repeated else here)
        if wrong:
            raise invalid(here, wrong)


def _marks(field: FieldDescriptor, value: Any) -> str | None:
    """Keys and tags that would be taken for oaktree's own."""
    if field.message_type is not None and field.message_type.name == "MapUpdate":
        named = [*value.set, *value.remove]
    elif field.message_type is not None and field.message_type.name == "StringList":
        named = list(value.values)
    else:
        named = list(value)
    for name in named:
        if name.startswith(MARK):
            return f"{name!r} begins with {MARK}, which is kept for oaktree's own marks"
    return None


def need(request: Message, *names: str) -> None:
    """INVALID_ARGUMENT unless every one of these is given."""
    for name in names:
        if not getattr(request, name):
            raise invalid(name, "is missing and is needed")
