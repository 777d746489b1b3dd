"""Uploads: the bytes of an object in one piece, or of a segment of one.

Whatever breaks off, Swift keeps all of a body or nothing, and the last block is sent only once it
is known that all before it arrived as it was sent. So what was there under the name stays until
then.

The SHA-256 is noted on the object where it is known before the last byte: of what comes in one
message, and where the client told it. Afterwards it would take a POST, which writes all that is
noted anew, and upon whatever is there by then: another's bytes would get this digest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from oaktreemodel.v1.storage_object_pb2 import UploadStorageObjectRequest

from oaktree.call import Call
from oaktree.errors import invalid
from oaktree.place import Place
from oaktree.storage.put import Put
from oaktree.transfer import Incoming, check_said, progress


async def upload(call: Call, reader: Any) -> AsyncIterator[bytes]:
    request = call.request
    if not request.content.HasField("size_bytes"):
        raise invalid("content.size_bytes", "is missing and is needed")
    check_said("content", request.content)
    check_said("finish", request.finish)
    place = await call.place()
    if request.HasField("finish"):
        yield await place.carry(lambda: Put(place, request).at_once())
        return
    incoming = Incoming(request, call.more)
    put, there = await place.run(call.reach, _begin, place, request)
    if there is not None:
        yield progress(incoming.size, is_skipped=True)
        yield there
        return
    async for told in incoming.moved(place.carry(put.stream, incoming)):
        yield progress(told) if isinstance(told, int) else told


def _begin(place: Place, request: UploadStorageObjectRequest) -> tuple[Put, bytes | None]:
    put = Put(place, request)
    return put, put.look()
