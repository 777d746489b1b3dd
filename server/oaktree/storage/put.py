"""One PUT of an object's bytes, or of a segment's, and what is made of the answer.

Runs in a place's threads.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.storage_object_pb2 import StorageObject, UploadStorageObjectRequest
from openstack import exceptions

from oaktree import objects, swift, swiftmeta, swiftnames, wire
from oaktree.errors import Code, Refused, invalid, not_found, not_offered
from oaktree.place import Place
from oaktree.storage import clearing, headers, segments
from oaktree.storage.homes import Homes
from oaktree.storage.segments import Upload
from oaktree.swift import Info
from oaktree.transfer import CHUNK_BYTES, Incoming, bytes_differ, check_digests
from oaktree.translate import translate


class Put:
    """INVALID_ARGUMENT for what cannot be stored so; nothing is asked for that but /info."""

    def __init__(self, place: Place, request: UploadStorageObjectRequest) -> None:
        info = swift.info(place)
        self._place = place
        self._request = request
        self._container = swiftnames.check_container(request.parent, info)
        self._name = swiftnames.check_object(request.name, info, "name")
        self._size = request.content.size_bytes
        self._is_segment = request.HasField("segment")
        # What is there under the name, and may not be written over.
        self._there: Mapping[str, str] | None = None
        if self._is_segment:
            self._name = _upload(request, info).name(request.segment.index)
            # What may be part of an object by now is never written over.
            # Nor does it end when the object is to: that may be put off.
            self._headers: headers.Headers = {
                "Content-Type": headers.UNKNOWN,
                "If-None-Match": "*",
            }
        else:
            self._headers = headers.of(request, info)
            if request.content.sha256:
                self._headers[swiftmeta.SHA256] = request.content.sha256.lower()
        if self._size > info.max_object_bytes:
            raise invalid(
                "content.size_bytes",
                f"{self._size} is more than the {info.max_object_bytes} that the cloud takes in "
                "one piece: plan the upload, send the segments of the plan and commit them",
            )

    def at_once(self) -> bytes:
        """Stores what came with the request itself. The cloud compares the bytes by itself."""
        chunk, content = self._request.chunk, self._request.content
        if len(chunk) != self._size:
            raise invalid("content.size_bytes", f"says {self._size}, and {len(chunk)} were sent")
        sha256 = hashlib.sha256(chunk).hexdigest()
        md5 = hashlib.md5(chunk, usedforsecurity=False).hexdigest()
        check_digests({"sha256": sha256, "md5": md5}, self._request.finish, content)
        if not self._is_segment:
            self._headers[swiftmeta.SHA256] = sha256
        return self._put(chunk, md5)

    def look(self) -> bytes | None:
        """Before any bytes travel: at a token that is good no longer, a container there is not, a
        name that is taken. Gives the answer if there is nothing to send."""
        # Who may write need not be let look.
        with contextlib.suppress(exceptions.ForbiddenException):
            if "If-None-Match" not in self._headers:
                self._ask("HEAD", of_container=True)
                return None
            self._there = self._head()
        if self._there is not None and not self._is_segment:
            return self._known(self._there)
        return None

    def stream(self, incoming: Incoming) -> bytes:
        """Stores what comes."""
        if self._there is None and self._size:
            return self._put(incoming)
        for _ in incoming:
            # To know what they are is all that is needed.
            pass
        if self._there is not None:
            return self._same(self._there, incoming.md5)
        return self._put(b"", incoming.md5)

    def _put(self, body: bytes | Incoming, md5: str = "") -> bytes:
        """`md5` where it is known beforehand: with it the cloud itself refuses other bytes."""
        md5 = md5 or self._request.content.md5.lower()
        if md5:
            self._headers["ETag"] = md5
        try:
            response = self._ask("PUT", headers=self._headers, body=body)
        except exceptions.HttpException as error:
            if error.status_code == 422:
                raise bytes_differ(
                    f"the bytes that reached the cloud do not have the MD5 {md5}; nothing of them "
                    "was kept"
                ) from error
            if error.status_code != 412:
                raise
            there = self._head()
            if there is None:
                raise
            if self._is_segment:
                return self._same(there, md5)
            return self._known(there)
        came = md5 if isinstance(body, bytes) else body.md5
        etag = response.headers.get("Etag", "").strip('"')
        if etag != came:
            if isinstance(body, Incoming) and self._holds(etag, body.sha256.hexdigest()):
                raise invalid(
                    "finish.md5",
                    f"is {came}, and the cloud says {etag} of just the bytes that were sent, by "
                    "their SHA-256: they are stored",
                )
            self._spoilt(etag, came)
        self._clear(response.headers)
        return self._told(self._stored(response.headers))

    def _clear(self, answer: Mapping[str, str]) -> None:
        """Deletes the segments of what was there before."""
        homes = self._place.state(Homes)
        if self._is_segment:
            homes.note(self._container, segments.home(self._request.name))
            return
        # What is stored is stored, whatever becomes of this: an abort finds what is left.
        with contextlib.suppress(Exception):
            if homes.has(self._place, self._container, self._name):
                stored = parsedate_to_datetime(answer["Last-Modified"]).replace(tzinfo=None)
                clearing.clear(self._place, self._container, self._name, stored.isoformat())

    def _stored(self, answer: Mapping[str, str]) -> Mapping[str, str]:
        """What a HEAD would tell of what was stored just now."""
        known = {
            name: value.decode("latin-1") if isinstance(value, bytes) else value
            for name, value in self._headers.items()
        }
        known |= {"Content-Length": str(self._size), "Etag": answer["Etag"]}
        with contextlib.suppress(KeyError, ValueError):
            stored = parsedate_to_datetime(answer["Last-Modified"])
            known["X-Timestamp"] = str(stored.timestamp())
        return known

    def _ask(self, method: str, of_container: bool = False, **more: Any) -> Any:
        name = "" if of_container else self._name
        try:
            return swift.ask(self._place, method, self._container, name, **more)
        except exceptions.NotFoundException as error:
            raise not_found("storage container", self._container) from error

    def _head(self) -> Mapping[str, str] | None:
        return objects.head(self._place, self._container, self._name)

    def _same(self, there: Mapping[str, str], md5: str) -> bytes:
        """A segment that is there already, if it has these bytes."""
        etag = there.get("Etag", "").strip('"')
        if etag == md5 and there.get("Content-Length") == str(self._size):
            return self._told(there)
        raise Refused(
            Code.ABORTED,
            Reason.REASON_CONTENT_CHANGED,
            "other bytes are there as this segment, of another upload of the name or of before the "
            "file changed: plan the upload again",
        )

    def _known(self, there: Mapping[str, str]) -> bytes:
        """An object that is there already, if this very request has stored it before."""
        if self._request.request_id and there.get(headers.REQUEST) == self._request.request_id:
            return self._told(there)
        raise Refused(
            Code.ALREADY_EXISTS,
            Reason.REASON_ALREADY_EXISTS,
            f"there is an object {self._name!r} already; nothing was stored",
        )

    def _holds(self, etag: str, sha256: str) -> bool:
        """Whether the cloud has what was sent, and the client's word on its MD5 is what is wrong.
        It is read back for that: who deleted good bytes would leave nothing, as what was
        there before is gone."""
        content = self._request.content
        if not content.promises_md5 or content.md5:
            # By oaktree's own count, or by what the cloud compares itself.
            return False
        try:
            with self._ask("GET", stream=True) as response:
                made, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
                while chunk := response.raw.read(CHUNK_BYTES, decode_content=False):
                    made.update(chunk)
                    md5.update(chunk)
                there = response.headers.get("Etag", "").strip('"')
        except Exception:
            return False
        # A cloud whose own word is wrong is not to be believed in what it keeps, either.
        return there == etag == md5.hexdigest() and made.hexdigest() == sha256

    def _spoilt(self, etag: str, md5: str) -> None:
        """The cloud holds something else than was sent."""
        end = "it was deleted"
        try:
            # Not what somebody else has stored there since.
            there = self._head()
            if there is not None and there.get("Etag", "").strip('"') == etag:
                self._ask("DELETE")
        except Exception as error:
            end = f"it could not be deleted ({translate(error).message})"
        raise bytes_differ(
            f"the cloud says that what it stored has the MD5 {etag or 'of nothing'}, and what was "
            f"sent has {md5}; {end}"
        )

    def _told(self, there: Mapping[str, str]) -> bytes:
        """The answer, by headers as those of a HEAD."""
        if self._is_segment:
            # Nothing else of it is anybody's business.
            etag = there.get("Etag", "").strip('"')
            made = StorageObject(size_bytes=self._size, etag=etag)
        else:
            made = objects.message(self._place, self._container, self._name, there)
        return wire.frame(made.SerializeToString())


def _upload(request: UploadStorageObjectRequest, info: Info) -> Upload:
    """The upload that a segment is of."""
    part = request.segment
    if not info.max_segments:
        raise not_offered("the object storage takes no objects in segments")
    for fieldname in ("object_size_bytes", "segment_size_bytes"):
        if getattr(part, fieldname) < 1:
            raise invalid(f"segment.{fieldname}", "is missing and is needed")
    upload = Upload(
        segments.home(request.name),
        segments.canonical_id(part.upload_id, "segment.upload_id"),
        part.object_size_bytes,
        part.segment_size_bytes,
    )
    if upload.count > info.max_segments:
        raise invalid(
            "segment.segment_size_bytes",
            f"makes {upload.count} segments, and the cloud takes {info.max_segments}",
        )
    if part.index >= upload.count:
        raise invalid("segment.index", f"is {part.index}, and there are {upload.count} segments")
    if request.content.size_bytes != upload.length(part.index):
        raise invalid(
            "content.size_bytes",
            f"is {request.content.size_bytes}, and this segment has {upload.length(part.index)}",
        )
    return upload
