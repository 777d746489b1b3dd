"""Which bytes an image has, as it stands among its properties: where openstacksdk writes and reads
it, so that neither sends what the other has sent.

They are noted once an image's bytes have been compared with what the cloud says of them: an image
that bears them is good. openstacksdk notes what it was told, beforehand; so what the cloud says is
compared again.
"""

from __future__ import annotations

from typing import Any

from oaktree.errors import invalid
from oaktree.place import Place
from oaktree.reader import Found, Reader
from oaktree.row import Item
from oaktree.walk import items

_NOTED = "owner_specified.openstack."
MD5, SHA256, OBJECT = (_NOTED + name for name in ("md5", "sha256", "object"))
# Where openstacksdk puts what a task is to import, and says so of every image.
CONTAINER = "images"


def check(content: Any) -> None:
    """INVALID_ARGUMENT if there are no bytes."""
    if content.size_bytes < 1:
        # Services make an active image of it.
        raise invalid("content.size_bytes", "an image of no bytes is of no use")


def noted(sha256: str, md5: str) -> Item:
    """The properties that say which bytes an image has."""
    return {SHA256: sha256, MD5: md5}


def may_be(item: Item, content: Any) -> bool:
    """Whether nothing that is known of an image says that it has other bytes than these."""
    checksum = item.get("checksum") or ""
    pairs = (
        (item.get("size"), content.size_bytes),
        (item.get(SHA256) or "", content.sha256.lower()),
        (item.get(MD5) or "", content.md5.lower()),
        (checksum, content.md5.lower()),
        (checksum, item.get(MD5) or ""),
    )
    return item.get("status") == "active" and all(
        one == other for one, other in pairs if one and other
    )


def is_proven(item: Item, content: Any) -> bool:
    """Whether an image is known to have just these bytes."""
    sha256 = content.sha256 and item.get(SHA256) == content.sha256.lower()
    md5 = content.md5 and item.get("checksum") == content.md5.lower()
    return bool(sha256 or md5) and may_be(item, content)


def find(place: Place, reader: Reader, request: Any) -> Found | None:
    """The project's own image of that name and those bytes; None if there is none. Runs in a
    thread."""
    if not request.content.sha256 and not request.content.md5:
        return None
    query = reader.query(place, False, {"name": request.name})
    for item in items(place, reader, query):
        is_own = item.get("owner") == place.project.id and item.get("name") == request.name
        if is_own and is_proven(item, request.content):
            return reader.encoder(place)(item)
    return None
