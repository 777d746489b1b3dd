"""Images' bytes over a raw stub: sent and fetched as a client does it, and as none should."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from oaktreemodel.v1 import image_pb2, image_pb2_grpc
from oaktreemodel.v1.location_pb2 import Location
from oaktreemodel.v1.transfer_pb2 import UploadContent, UploadFinish

CHUNK = 64 * 1024
PATIENCE = 60.0
EAST = Location(cloud="modern", region="east")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def request_id() -> str:
    return str(uuid.uuid4())


def first(data: bytes, *, promised: bool = False, **fields: Any) -> Any:
    """An upload's first request. `promised`: with the digests of its bytes."""
    fields.setdefault("location", EAST)
    fields.setdefault("request_id", request_id())
    content = UploadContent(**(fields.pop("content", None) or {"size_bytes": len(data)}))
    if promised:
        content.sha256, content.md5 = sha256(data), md5(data)
    return image_pb2.UploadImageRequest(content=content, **fields)


def chunks(data: bytes, size: int = CHUNK) -> Iterator[Any]:
    for start in range(0, len(data), size):
        yield image_pb2.UploadImageRequest(chunk=data[start : start + size])


def finish(data: bytes, **digests: str) -> Any:
    return image_pb2.UploadImageRequest(finish=UploadFinish(sha256=sha256(data), **digests))


def whole(data: bytes, **fields: Any) -> list[Any]:
    """All requests of a good upload."""
    return [first(data, **fields), *chunks(data), finish(data)]


class Images:
    """An oaktree's images."""

    def __init__(self, channel: grpc.Channel, metadata: Sequence[tuple[str, str]] = ()) -> None:
        self.stub: Any = image_pb2_grpc.ImageServiceStub(channel)
        self._more: dict[str, Any] = {"timeout": PATIENCE, "metadata": tuple(metadata)}

    def begin(self, requests: Any) -> Any:
        return self.stub.UploadImage(iter(requests), **self._more)

    def upload(self, requests: Any) -> list[Any]:
        """All that is answered."""
        return list(self.begin(requests))

    def cut(self, requests: Any) -> Any:
        """An upload that its client leaves once these are sent."""

        def sent() -> Iterator[Any]:
            yield from requests
            call.cancel()

        call = self.begin(sent())
        return call

    def image(self, requests: Any) -> Any:
        """The image that an upload gives, at its end."""
        *before, last = self.upload(requests)
        assert not any(response.HasField("image") for response in before)
        return last.image

    def give(self, name_or_id: str, **fields: Any) -> Any:
        """A download that has begun."""
        fields.setdefault("location", EAST)
        request = image_pb2.DownloadImageRequest(name_or_id=name_or_id, **fields)
        return self.stub.DownloadImage(request, **self._more)

    def download(self, name_or_id: str, **fields: Any) -> list[Any]:
        """All that is answered."""
        return list(self.give(name_or_id, **fields))

    def data(self, name_or_id: str, **fields: Any) -> bytes:
        """The bytes of a download that ends well."""
        responses = self.download(name_or_id, **fields)
        assert responses[0].HasField("image")
        assert responses[0].HasField("content")
        assert all(len(response.chunk) <= 256 * 1024 for response in responses)
        data = b"".join(response.chunk for response in responses)
        assert responses[-1].finish.sha256 == sha256(data)
        return data

    def fetch(self, **fields: Any) -> Any:
        fields.setdefault("location", EAST)
        fields.setdefault("request_id", request_id())
        return self.stub.FetchImage(image_pb2.FetchImageRequest(**fields), **self._more).image


def reason(error: grpc.RpcError) -> tuple[str, str]:
    """The code of an error, and oaktree's own word."""
    status = rpc_status.from_call(error)
    assert status is not None, error
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        detail.Unpack(info)
    return error.code().name, info.reason
