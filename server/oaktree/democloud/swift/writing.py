"""What every way to write an object does: by its bytes, as a manifest, as a copy."""

from mimetypes import guess_type
from time import time

from .. import errors
from ..core import ApiError, Call, Reply
from .containers import HTML
from .store import Container, Headers, Object

META = "x-object-meta-"
# What is kept with an object beside its metadata.
KEPT = (
    "content-disposition",
    "content-encoding",
    "content-language",
    "cache-control",
    "expires",
    "x-robots-tag",
)
QUOTA = "x-container-meta-quota-"
UNKNOWN = "application/octet-stream"


def created(made: Object, more: Headers | None = None) -> Reply:
    etag = made.slo_etag if made.segments is not None else made.etag
    headers = HTML | {"etag": etag, "last-modified": made.changed.modified}
    return Reply(b"", 201, headers | (more or {}))


def check_quota(container: Container, length: int) -> None:
    """By what the request says: a body in chunks says nothing, and comes past."""
    size, count = container.headers.get(QUOTA + "bytes"), container.headers.get(QUOTA + "count")
    if (size and container.size + length > int(size)) or (
        count and len(container.objects) + 1 > int(count)
    ):
        raise ApiError(413, "Upload exceeds quota.")


def content_type(call: Call, name: str) -> str:
    return call.headers.get("content-type") or guess_type(name)[0] or UNKNOWN


def kept_headers(call: Call) -> Headers:
    return {
        name: value
        for name, value in call.headers.items()
        if name in KEPT or (name.startswith(META) and value)
    }


def delete_at(call: Call) -> int | None:
    """When the object is to go, in seconds since 1970. Raises ApiError 400."""
    for name, start in (("x-delete-after", int(time())), ("x-delete-at", 0)):
        text = call.headers.get(name)
        if not text:
            continue
        shown = name.title()
        if not text.lstrip("-").isdecimal():
            raise ApiError(400, f"Non-integer {shown}", errors.PLAIN)
        if start + int(text) < int(time()):
            raise ApiError(400, f"{shown} in past", errors.PLAIN)
        return start + int(text)
    return None
