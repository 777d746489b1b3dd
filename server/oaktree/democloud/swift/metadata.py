"""Metadata: what a request may say about an account, a container or an object."""

from ..core import ApiError, Call
from ..errors import PLAIN
from .acl import READ, WRITE, check_acl
from .store import Headers

MAX_NAME, MAX_VALUE, MAX_COUNT, MAX_ALL = 128, 256, 90, 4096
QUOTAS = {
    "x-container-meta-quota-bytes": "bytes",
    "x-container-meta-quota-count": "count",
}


def check_metadata(call: Call, kind: str) -> None:
    """kind: account, container or object. Raises ApiError 400. Lengths are in bytes."""
    prefix = f"x-{kind}-meta-"
    count = total = 0
    for name, value in call.headers.items():
        if not name.startswith(prefix):
            continue
        key = name.removeprefix(prefix)
        count, total = count + 1, total + len(key) + len(value)
        if not key:
            raise ApiError(400, "Metadata name cannot be empty", PLAIN)
        shown = prefix + key[:1].upper() + key[1:]
        if len(key) > MAX_NAME:
            raise ApiError(400, f"Metadata name too long: {shown}", PLAIN)
        if len(value) > MAX_VALUE:
            raise ApiError(400, f"Metadata value longer than {MAX_VALUE}: {shown}", PLAIN)
        if name in QUOTAS and value and not value.isdecimal():
            raise ApiError(400, f"Invalid {QUOTAS[name]} quota.")
    if count > MAX_COUNT:
        raise ApiError(400, f"Too many metadata items; max {MAX_COUNT}", PLAIN)
    if total > MAX_ALL:
        raise ApiError(400, f"Total metadata too large; max {MAX_ALL}", PLAIN)


def asked_headers(call: Call) -> Headers:
    """A request's headers, with the lists of who may read and write tidied."""
    asked = dict(call.headers.items())
    for name in (READ, WRITE):
        if name in asked:
            asked[name] = check_acl(name, asked[name])
    return asked
