"""An image made of what the cloud itself fetches."""

from __future__ import annotations

import contextlib
from urllib.parse import urlsplit

from oaktree import validate
from oaktree.call import Call
from oaktree.errors import invalid, listed, not_found, not_offered
from oaktree.images import offers, record, ways
from oaktree.place import Place
from oaktree.reader import Found, Reader

_METHOD = "web-download"


async def fetch(call: Call, reader: Reader) -> bytes:
    """The record of an image that the cloud has begun to fetch."""
    request = call.request
    validate.need(request, "name", "disk_format", "url")
    if not _is_address(request.url):
        raise invalid("url", "must begin with http:// or https:// and name a host")
    place = await call.place()
    offered = await place.run(call.reach, offers.read, place)
    if _METHOD not in offered.import_methods:
        raise not_offered(
            "the cloud fetches no images by itself (it imports by: "
            f"{listed(offered.import_methods)}); upload the bytes instead"
        )
    offered.check_format(request.disk_format)

    async def work() -> bytes:
        found = await place.run(None, _begin, call, place, reader, offered)
        return found.wire

    return await call.change(place, work)


def _begin(call: Call, place: Place, reader: Reader, offered: offers.Offers) -> Found:
    request = call.request
    body = {**offered.without_agent, **record.new(request)}
    item, is_new = record.begin(place, call.rpc.name, request, body)
    identifier = item["id"]
    # An oaktree may have ended between the two.
    if is_new or (item["status"] == "queued" and not any(map(item.get, ways.IMPORT_MARKS))):
        try:
            ways.import_from(place, identifier, {"name": _METHOD, "uri": request.url})
        except Exception:
            # Without bytes it is of no use; and of two failures the first says more.
            with contextlib.suppress(Exception):
                record.delete(place, identifier)
            raise
    found = reader.one(place, identifier)
    if found is None:
        raise not_found("image", identifier)
    return found


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
