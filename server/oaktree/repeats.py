"""A Create that comes again to an oaktree that does not remember it.

What a process knows of request ids ends with it, and an answer may be lost on its way from the
cloud. So what can carry a mark is made with its request id in its metadata, and a Create that may
be a repetition asks the cloud for the mark before it makes anything. Two that race for one id in
two processes are not told apart by this.
"""

from __future__ import annotations

import uuid
from typing import Any

from oaktree.call import Call
from oaktree.place import Place
from oaktree.reader import Found, Reader
from oaktree.row import Item

KEY = "oaktree_request"


def mark(request: Any) -> dict[str, str]:
    """The metadata to make a thing with."""
    return {KEY: uuid.UUID(request.request_id).hex} if request.request_id else {}


def marked(item: Item) -> str:
    """The request id that a thing was made for; empty if it tells none."""
    metadata = item.get("metadata")
    return str(metadata.get(KEY) or "") if isinstance(metadata, dict) else ""


async def earlier(call: Call, place: Place, reader: Reader) -> Found | None:
    """What an earlier Create with this request id made, if it did, and this may be its
    repetition."""
    wanted = mark(call.request).get(KEY)
    if wanted is None or not call.may_repeat(place):
        return None
    fetch = call.server.listings.of(place, reader).fetch(0)
    async for page in fetch.read():
        for found in page:
            if found.mark == wanted:
                return found
    return None
