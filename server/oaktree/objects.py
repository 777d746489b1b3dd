"""Objects: what Swift tells of one, in lists and in headers, as a message."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from oaktreemodel.v1.storage_object_pb2 import StorageObject
from openstack import exceptions

from oaktree import swift, swiftmeta, validate
from oaktree.convert import put_time
from oaktree.errors import invalid, not_found
from oaktree.place import Place
from oaktree.swift import Info, Item
from oaktree.swiftmeta import OBJECT
from oaktree.swiftnames import check_container, check_object

Headers = Mapping[str, str]
STATIC, DYNAMIC = "X-Static-Large-Object", "X-Object-Manifest"
EXPIRES = "X-Delete-At"
# What a change of an object takes away if it does not say it again.
SAID_AGAIN = (
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Expires",
    "X-Robots-Tag",
    DYNAMIC,
)
# Since when lists tell of large objects that they are. Not all of Swift's interface are Swift.
_LISTS_SEGMENTED = (2, 21)
_UNFIT = (AttributeError, TypeError, ValueError, OverflowError, InvalidOperation)


def named(place: Place, request: Any) -> tuple[str, str]:
    """The container and the name of the object that a request is about."""
    validate.need(request, "parent")
    info = swift.info(place)
    return check_container(request.parent, info), check_object(request.name_or_id, info)


def head(place: Place, container: str, name: str) -> Headers | None:
    """What is known of an object; None if there is none, or no such container."""
    try:
        return swift.ask(place, "HEAD", container, name).headers
    except exceptions.NotFoundException:
        return None


def need(place: Place, container: str, name: str) -> Headers:
    """The same; NOT_FOUND if there is none."""
    found = head(place, container, name)
    if found is None:
        raise not_found("storage object", name)
    return found


def lists_segmented(info: Info) -> bool:
    """Whether an item of a list without an etag of segments is of one piece."""
    version = re.match(r"(\d+)\.(\d+)", info.version)
    return version is not None and (int(version[1]), int(version[2])) >= _LISTS_SEGMENTED


def is_static(headers: Headers) -> bool:
    return headers.get(STATIC, "").lower() == "true"


def message(place: Place, container: str, name: str, headers: Headers) -> StorageObject:
    """An object by the headers of its HEAD or GET; what of them is odd is left out."""
    made = _blank(place, container)
    made.id = made.name = name
    made.etag = headers.get("Etag", "").strip('"')
    made.content_type = swiftmeta.text(headers.get("Content-Type", ""))
    made.is_segmented = is_static(headers) or DYNAMIC in headers
    made.sha256 = headers.get(swiftmeta.SHA256, "")
    made.metadata.update(swiftmeta.told(OBJECT, headers))
    for key, put in _NUMBERS.items():
        if headers.get(key):
            try:
                put(made, headers[key])
            except _UNFIT:
                continue
    return made


def _put_size(made: StorageObject, text: str) -> None:
    made.size_bytes = int(text)


def _time(name: str) -> Callable[[StorageObject, str], None]:
    def put(made: StorageObject, text: str) -> None:
        seconds = Decimal(text)
        whole = int(seconds // 1)
        stamp = Timestamp(seconds=whole, nanos=int((seconds - whole) * 10**9))
        # What is no time of protobuf's is none that anybody can read.
        stamp.ToJsonString()
        getattr(made, name).CopyFrom(stamp)

    return put


_NUMBERS: Mapping[str, Callable[[StorageObject, str], None]] = {
    "Content-Length": _put_size,
    "X-Timestamp": _time("updated_at"),
    EXPIRES: _time("expires_at"),
    swiftmeta.MODIFIED: _time("modified_at"),
}


def from_list(place: Place, container: str, info: Info) -> Callable[[Item], StorageObject]:
    """What makes an item of a container's list, or a prefix of one, a message."""
    blank = _blank(place, container).SerializeToString()
    tells = lists_segmented(info)

    def encode(item: Item) -> StorageObject:
        made = StorageObject.FromString(blank)
        made.id = made.name = swift.name_of(item)
        if "subdir" in item:
            made.is_prefix = True
            return made
        try:
            made.size_bytes = item.get("bytes") or 0
            made.content_type = item.get("content_type") or ""
            made.etag = (item.get("slo_etag") or item.get("hash") or "").strip('"')
            if item.get("slo_etag"):
                made.is_segmented = True
            elif tells and made.size_bytes:
                # One of no bytes may be the manifest of segments that no list tells of.
                made.is_segmented = False
            put_time(made, "updated_at", item["last_modified"])
        except (*_UNFIT, KeyError):
            # One odd value is no reason to refuse a whole list.
            return made
        return made

    return encode


def _blank(place: Place, container: str) -> StorageObject:
    made = StorageObject(location=place.location())
    made.parent.name = container
    return made


def as_header(at: Timestamp) -> str:
    """When an object is to be deleted: in whole seconds, and not before it was asked for."""
    return str(at.seconds + bool(at.nanos))


def noted_again(headers: Headers) -> dict[str, str | bytes]:
    """The headers that say once more what is known of an object, but for its owner's metadata, its
    kind and its end."""
    again: dict[str, str | bytes] = {**swiftmeta.raw(OBJECT, headers, others=True)}
    for name in SAID_AGAIN:
        if name in headers:
            again[name] = headers[name].encode("latin-1", "replace")
    return again


def check_future(at: Timestamp) -> None:
    """INVALID_ARGUMENT for when no object can be said to be deleted."""
    if at.seconds <= time.time():
        raise invalid("expires_at", "is over already")
