"""An image's bytes, given to a client."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import requests
from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.transfer_pb2 import DownloadContent, DownloadFinish

from oaktree import bodyheaders, wire
from oaktree.call import Call
from oaktree.errors import failed, invalid, not_offered
from oaktree.find import find
from oaktree.images import digests, tickets
from oaktree.outgoing import Outgoing
from oaktree.place import Place
from oaktree.reader import Reader
from oaktree.writes import check

_CONTENT, _CHUNK, _TICKET, _FINISH = 4, 5, 6, 8
_WITH_BYTES = ("active", "deactivated")


async def download(call: Call, reader: Reader) -> AsyncIterator[bytes]:
    """What the bytes are, they, and their end; or a ticket for them."""
    request = call.request
    place = await call.place()
    found = await place.run(call.reach, find, place, reader, request.name_or_id)
    if found.status not in _WITH_BYTES or not found.message.HasField("size_bytes"):
        raise _not_there(found.status)
    content = _content(found.message)
    part = _Part(request.part, content)
    first = found.wire + wire.field(_CONTENT, content.SerializeToString())
    if request.accepts_ticket and part.length and tickets.may_be_given(call):
        write = partial(tickets.write, call, place, "GET", found.id, part.headers, part.status)
        ticket = await place.run(call.reach, write)
        yield first + wire.field(_TICKET, ticket.SerializeToString())
        return
    if not part.length:
        # HTTP has no words for a part without bytes.
        yield first + _end(DownloadFinish(sha256=hashlib.sha256().hexdigest()))
        return
    ask = partial(_ask, place, found.id, part)
    outgoing = Outgoing(place, ask, partial(_described, part, content), request.part)
    async with outgoing:
        yield first
        async for chunk in outgoing.chunks():
            yield wire.field(_CHUNK, chunk)
    yield _end(outgoing.finish())


def _end(finish: DownloadFinish) -> bytes:
    return wire.field(_FINISH, finish.SerializeToString())


def _not_there(status: str) -> Exception:
    return failed(Reason.REASON_CONFLICT, f"the image is {status}, and has no bytes to be read")


def _content(image: Any) -> DownloadContent:
    sha512 = image.hash_value if image.hash_algo == "sha512" else ""
    content = DownloadContent(
        size_bytes=image.size_bytes,
        etag=image.hash_value or image.checksum,
        md5=bodyheaders.md5(image.checksum),
        sha512=sha512,
    )
    noted = image.properties
    # Of these two, whoever noted one noted the other; and the cloud vouches for the MD5.
    is_vouched = image.checksum and noted.get(digests.MD5) == image.checksum
    if is_vouched and re.fullmatch(r"[0-9a-f]{64}", noted.get(digests.SHA256, "")):
        content.sha256 = noted[digests.SHA256]
    return content


class _Part:
    """Which bytes of an image are wanted, and how the image service is asked for them.
    INVALID_ARGUMENT if there are no such; FAILED_PRECONDITION if they are others by now."""

    def __init__(self, part: Any, content: DownloadContent) -> None:
        size = content.size_bytes
        self.offset: int = part.offset_bytes
        if part.if_etag and part.if_etag != content.etag:
            raise failed(
                Reason.REASON_CONTENT_CHANGED, "the image's bytes are others than those before"
            )
        if not 0 <= self.offset <= size:
            raise invalid("part.offset_bytes", f"is not between 0 and {size}, the image's bytes")
        if part.length_bytes < 0:
            raise invalid("part.length_bytes", "is negative")
        rest = size - self.offset
        self.length: int = min(part.length_bytes, rest) if part.HasField("length_bytes") else rest
        self.is_whole = self.length == size
        # Others than whole bodies would not be the image's.
        self.headers = {"Accept": "application/octet-stream", "Accept-Encoding": "identity"}
        self.status = 200
        if not self.is_whole:
            self.headers["Range"] = f"bytes={self.offset}-{self.offset + self.length - 1}"
            self.status = 206


def _ask(place: Place, identifier: str, part: _Part) -> requests.Response:
    adapter = place.service("image")
    path = f"/images/{identifier}/file"
    found: requests.Response = check(
        adapter.get(path, headers=dict(part.headers), stream=True, log=False)
    )
    return found


def _described(
    part: _Part, content: DownloadContent, response: requests.Response
) -> DownloadContent:
    if response.status_code == 204:
        raise _not_there("empty by now")
    if response.status_code != part.status:
        raise not_offered("the image service gives whole images only, and not a part of one")
    if not part.is_whole and bodyheaders.part(response.headers)[0] != part.offset:
        raise bodyheaders.no_answer("the bytes that were asked for")
    return content
