"""Making one object of segments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson
import requests
from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.storage_object_pb2 import CommitStorageObjectRequest
from openstack import exceptions

from oaktree import objects, swift, swiftmeta, swiftnames, wire
from oaktree.call import Call
from oaktree.errors import Code, Refused, failed, invalid, listed, not_found, not_offered
from oaktree.place import Place
from oaktree.storage import clearing, headers, manifest, segments
from oaktree.storage.homes import Homes
from oaktree.storage.segments import Upload
from oaktree.swift import Info
from oaktree.swiftsummary import Summary, summary
from oaktree.transfer import bytes_differ

_MD5 = re.compile(r"[0-9a-fA-F]{32}")


async def commit(call: Call, reader: Any) -> bytes:
    place, request = await call.place(), call.request

    async def work() -> bytes:
        return await place.run(None, made, place, request)

    return await call.change(place, work)


def made(
    place: Place,
    request: CommitStorageObjectRequest,
    more: Mapping[str, str | bytes] = MappingProxyType({}),
) -> bytes:
    """Makes the object; the answer. `more` are headers that say it otherwise. If it fails, the
    segments stay, and the upload can be resumed. INVALID_ARGUMENT for what cannot be an object's
    segments. Runs in a thread."""
    return _Commit(place, request, more).made()


class _Commit:
    def __init__(
        self,
        place: Place,
        request: CommitStorageObjectRequest,
        more: Mapping[str, str | bytes],
    ) -> None:
        info = swift.info(place)
        self._place = place
        self._container = swiftnames.check_container(request.parent, info)
        self._name = swiftnames.check_object(request.name, info, "name")
        md5s = [part.md5.lower() for part in request.segments]
        self._upload = _upload(request, info)
        self._etag = segments.etag(md5s)
        self._headers = {
            **headers.of(request, info),
            **more,
            "ETag": self._etag,
            "Accept": "application/json",
        }
        if request.sha256:
            self._headers[swiftmeta.SHA256] = headers.sha256(request.sha256, "sha256")
        self._manifest = orjson.dumps(
            [
                {
                    "path": f"/{self._container}/{self._upload.name(index)}",
                    "etag": md5,
                    "size_bytes": self._upload.length(index),
                }
                for index, md5 in enumerate(md5s)
            ]
        )
        if len(self._manifest) > info.max_manifest_bytes:
            raise invalid("segments", "are too many: their list is longer than the cloud takes")

    def made(self) -> bytes:
        former = manifest.names(self._place, self._container, self._name)
        self._put()
        self._place.state(Homes).note(self._container, self._upload.home)
        there = objects.need(self._place, self._container, self._name)
        clearing.clear(self._place, self._container, self._name, made=self._upload, former=former)
        made = objects.message(self._place, self._container, self._name, there)
        return wire.frame(made.SerializeToString())

    def _put(self) -> None:
        # Swift looks at every segment, and meanwhile says that it is at it: then how it went is in
        # the answer's body.
        query = {"multipart-manifest": "put", "heartbeat": "on"}
        try:
            response = swift.ask(
                self._place, "PUT", self._container, self._name,
                query=query, headers=self._headers, body=self._manifest,
            )  # fmt: skip
            told = _told(response)
            if not 200 <= told.status < 300:
                self._refuse(told.status, told, None)
                return
        except exceptions.NotFoundException as error:
            raise not_found("storage container", self._container) from error
        except exceptions.HttpException as error:
            if error.status_code is None or error.response is None:
                raise
            self._refuse(error.status_code, _told(error.response), error)
            return
        if told.etag != self._etag:
            raise bytes_differ(
                f"the cloud says that what it made has the etag {told.etag}, and the segments' is "
                f"{self._etag}: look at the object {self._name!r}"
            )

    def _refuse(self, status: int, told: Summary, error: exceptions.HttpException | None) -> None:
        """Raises what to tell of a refusal, unless this very object was made before."""
        if status == 412:
            own = (self._upload.home, self._upload.id)
            if own in manifest.uploads(self._place, self._container, self._name):
                return
            raise Refused(
                Code.ALREADY_EXISTS,
                Reason.REASON_ALREADY_EXISTS,
                f"there is an object {self._name!r} already; the segments stay until the upload "
                "is aborted",
            )
        if status == 400 and told.errors:
            lead = f"/{self._container}/{self._upload.prefix}"
            words = (f"{path.removeprefix(lead)}: {why}" for path, why in told.errors)
            raise failed(
                Reason.REASON_CONTENT_CHANGED,
                "the cloud does not have these segments as they were told; plan the upload again, "
                f"which finds those that are there: {listed(words)}",
            )
        if error is not None:
            raise error
        raise Refused(
            Code.UNKNOWN,
            Reason.REASON_CLOUD_ERROR,
            f"the object storage made no object of the segments, which stay: {status} {told.text}",
        )


def _told(response: requests.Response) -> Summary:
    """What an answer says in its body, if it does."""
    try:
        return summary(response)
    except orjson.JSONDecodeError:
        return Summary(response.status_code, etag=response.headers.get("Etag", "").strip('"'))


def _upload(request: CommitStorageObjectRequest, info: Info) -> Upload:
    """INVALID_ARGUMENT for segments that no object is made of."""
    if not info.max_segments:
        raise not_offered("the object storage takes no objects in segments")
    if request.segment_size_bytes < 1:
        raise invalid("segment_size_bytes", "is missing and is needed")
    if not request.segments:
        raise invalid("segments", "are missing and are needed")
    if len(request.segments) > info.max_segments:
        raise invalid(
            "segments", f"are {len(request.segments)}, and the cloud takes {info.max_segments}"
        )
    size = sum(part.size_bytes for part in request.segments)
    identifier = segments.canonical_id(request.upload_id, "upload_id")
    upload = Upload(segments.home(request.name), identifier, size, request.segment_size_bytes)
    for index, part in enumerate(request.segments):
        if not _MD5.fullmatch(part.md5):
            raise invalid(f"segments[{index}].md5", "is no MD5 of 32 digits in hex")
        least = 1 if index == upload.count - 1 else upload.segment_size
        if not least <= part.size_bytes <= upload.segment_size:
            raise invalid(
                f"segments[{index}].size_bytes",
                f"is {part.size_bytes}, and each has {upload.segment_size} but the last, which may "
                "have less",
            )
    return upload
