"""Downloads: the bytes of an object, or a part of them.

What Swift sends is compared with the digests that it and oaktree keep of the whole. A body that
stops short is an error, whatever its length says, and never gets a finish.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import requests
from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.storage_object_pb2 import (
    DownloadStorageObjectRequest,
    DownloadStorageObjectResponse,
)
from oaktreemodel.v1.transfer_pb2 import DownloadContent
from openstack import exceptions

from oaktree import bodyheaders, objects, swift, swiftmeta, swiftnames, wire
from oaktree.call import Call
from oaktree.errors import Refused, failed, invalid, not_found
from oaktree.outgoing import Outgoing
from oaktree.place import Place

_ETAG = re.compile(r"[!#-~]+")
_CHUNK = DownloadStorageObjectResponse.CHUNK_FIELD_NUMBER


async def download(call: Call, reader: Any) -> AsyncIterator[bytes]:
    place, asked = await call.place(), _Asked(call.request)
    outgoing = Outgoing(place, lambda: asked.send(place), asked.content, call.request.part)
    async with outgoing as response:
        content = outgoing.content
        there = response.headers.copy()
        there["Content-Length"] = str(content.size_bytes)
        made = objects.message(place, asked.container, asked.name, there)
        first = DownloadStorageObjectResponse(storage_object=made, content=content)
        yield first.SerializeToString()
        async for chunk in outgoing.chunks():
            yield wire.field(_CHUNK, chunk)
    yield DownloadStorageObjectResponse(finish=outgoing.finish()).SerializeToString()


class _Asked:
    """What a request asks for."""

    def __init__(self, request: DownloadStorageObjectRequest) -> None:
        self._request = request
        self._start = request.part.offset_bytes
        self._length = request.part.length_bytes if request.part.HasField("length_bytes") else None
        self._is_whole = not self._start and self._length is None
        self.container = request.parent
        self.name = request.name_or_id
        # Of the whole, where the answer brings none of its bytes.
        self._size: int | None = None

    # What follows runs in a thread.

    def send(self, place: Place) -> requests.Response:
        info = swift.info(place)
        swiftnames.check_container(self.container, info)
        swiftnames.check_object(self.name, info)
        headers = {}
        if etag := self._request.part.if_etag:
            if not _ETAG.fullmatch(etag):
                raise _changed(self.name)
            headers["If-Match"] = f'"{etag}"'
        if not self._is_whole:
            end = "" if self._length is None else self._start + self._length - 1
            headers["Range"] = f"bytes={self._start}-{end}"
        try:
            if self._length != 0:
                return self._ask(place, "GET", headers)
        except exceptions.HttpException as error:
            if error.status_code != 416 or self._is_whole:
                raise
        # HTTP has no words for a part without bytes, and takes the very end for beyond it.
        headers.pop("Range")
        response = self._ask(place, "HEAD", headers)
        if response.status_code not in (200, 204):
            raise bodyheaders.no_answer("what the object is")
        self._size = bodyheaders.length(response.headers) or 0
        response.headers.pop("Content-Length", None)
        return response

    def _ask(self, place: Place, method: str, headers: Mapping[str, str]) -> requests.Response:
        try:
            return swift.ask(place, method, self.container, self.name, headers=headers, stream=True)
        except exceptions.NotFoundException as error:
            raise not_found("storage object", self.name) from error
        except exceptions.HttpException as error:
            if error.status_code == 412:
                raise _changed(self.name) from error
            raise

    def content(self, response: requests.Response) -> DownloadContent:
        """What the bytes are of. Raises what is wrong with an answer before any of them."""
        headers = response.headers
        size = self._size
        if size is None:
            size = self._sent(response)
        if self._start > size:
            raise invalid("part.offset_bytes", f"is {self._start}, and there are {size} bytes")
        return DownloadContent(
            size_bytes=size, etag=_etag(headers), md5=_md5(headers), sha256=_sha256(headers)
        )

    def _sent(self, response: requests.Response) -> int:
        """How many bytes there are of which it sends what was asked for."""
        if response.status_code == 206:
            first, size = bodyheaders.part(response.headers)
            if first == self._start:
                return size
        elif response.status_code == 200 and not self._start:
            whole = bodyheaders.length(response.headers)
            if whole is None:
                raise bodyheaders.no_answer("how many bytes it sends")
            if self._length is None or self._length >= whole:
                return whole
        raise bodyheaders.no_answer("the bytes that were asked for")


def _etag(headers: Mapping[str, str]) -> str:
    return headers.get("Etag", "").strip('"')


def _md5(headers: Mapping[str, str]) -> str:
    """Of an object in one piece; of others Swift keeps none."""
    is_whole = not objects.is_static(headers) and objects.DYNAMIC not in headers
    return bodyheaders.md5(_etag(headers)) if is_whole else ""


def _sha256(headers: Mapping[str, str]) -> str:
    """As it was noted; what is none was noted by somebody else."""
    noted = headers.get(swiftmeta.SHA256, "").lower()
    return noted if re.fullmatch(r"[0-9a-f]{64}", noted) else ""


def _changed(name: str) -> Refused:
    return failed(
        Reason.REASON_CONTENT_CHANGED,
        f"the object {name!r} has other bytes now: download it from the beginning",
    )
