"""The ways to move the bytes of images and objects that are measured."""

from __future__ import annotations

import io
import queue
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import oaktreemodel
import openstack
import requests
from google.protobuf.message import Message
from oaktree.democloud.content import Source, source_digest
from oaktreemodel.v1 import (
    image_pb2,
    image_pb2_grpc,
    location_pb2,
    storage_object_pb2,
    storage_object_pb2_grpc,
    transfer_pb2,
)
from openstack.config import OpenStackConfig

CHUNK_BYTES = 256 * 1024
# In which oaktree has large objects go, where nobody says otherwise.
SEGMENT_BYTES = 256 << 20
# What everything is made in, so that nobody takes it for his own.
CONTAINER = "bench-oaktree"


@dataclass(frozen=True)
class Where:
    """A region of a cloud, and the oaktree before it."""

    clouds_yaml: Path
    cloud: str
    region: str
    address: str = ""

    def location(self) -> location_pb2.Location:
        return location_pb2.Location(cloud=self.cloud, region=self.region)

    def connection(self) -> openstack.connection.Connection:
        config = OpenStackConfig(config_files=[str(self.clouds_yaml)])
        return openstack.connection.Connection(
            config=config.get_one(cloud=self.cloud, region_name=self.region)
        )


def pieces(size: int) -> Iterator[bytes]:
    """What the embedded cloud takes all bytes for, when it is told to assume them."""
    return map(bytes, Source(size).pieces())


class Body:
    """So many bytes as the body of a request."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return pieces(self._size)


class File(io.RawIOBase):
    """So many bytes as an open file, read without a disk: those of `pieces`, from the beginning
    again after so many."""

    def __init__(self, size: int, after: int) -> None:
        self._size = size
        self._after = after
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        at = self._at % self._after
        end = min(at + len(buffer), self._after, at + self._size - self._at)
        piece = next(Source(self._size).pieces(at, end), b"")
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


class Nowhere(io.RawIOBase):
    """A file that forgets what is written."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(data)


class Direct:
    """requests, straight to the cloud."""

    def __init__(self, where: Where) -> None:
        connection = where.connection()
        session: Any = connection.session
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["X-Auth-Token"] = session.get_token()
        self._images = f"{str(connection.image.get_endpoint()).rstrip('/')}/images"
        self._objects = str(connection.object_store.get_endpoint()).rstrip("/") + f"/{CONTAINER}"
        self._id = ""

    def _ask(self, method: str, url: str, **options: Any) -> requests.Response:
        response = self._http.request(method, url, **options)
        response.raise_for_status()
        return response

    def up_image(self, size: int) -> None:
        told = {"name": "bench-direct", "disk_format": "raw", "container_format": "bare"}
        self._id = self._ask("POST", self._images, json=told).json()["id"]
        octets = {"Content-Type": "application/octet-stream"}
        self._ask("PUT", f"{self._images}/{self._id}/file", data=Body(size), headers=octets)

    def down_image(self, size: int) -> None:
        self._read(f"{self._images}/{self._id}/file", size)

    def delete_image(self) -> None:
        self._ask("DELETE", f"{self._images}/{self._id}")

    def up_object(self, size: int) -> None:
        self._ask("PUT", f"{self._objects}/bench", data=Body(size))

    def down_object(self, size: int) -> None:
        self._read(f"{self._objects}/bench", size)

    def delete_object(self) -> None:
        self._ask("DELETE", f"{self._objects}/bench")

    def _read(self, url: str, size: int) -> None:
        with self._ask("GET", url, stream=True) as response:
            _count(response, size)


def _count(response: requests.Response, size: int) -> None:
    came = 0
    while piece := response.raw.read(CHUNK_BYTES):
        came += len(piece)
    assert came == size


@cache
def finish(size: int) -> transfer_pb2.UploadFinish:
    """What ends an upload of `pieces`. Takes seconds, the first time."""
    return transfer_pb2.UploadFinish(
        sha256=source_digest(size, "sha256"), md5=source_digest(size, "md5")
    )


# As oaktree's own clients do.
_CHECKS = transfer_pb2.DownloadPart(checks_content=True)


class Stub:
    """The generated stubs, which say that they compute checksums and compute none: what is left is
    oaktree's and gRPC's."""

    def __init__(self, where: Where) -> None:
        # Else all of a crowd would share one connection.
        options = [("grpc.use_local_subchannel_pool", 1)]
        channel = grpc.insecure_channel(where.address, options)
        self._images = image_pb2_grpc.ImageServiceStub(channel)
        self._objects = storage_object_pb2_grpc.StorageObjectServiceStub(channel)
        self._at = where.location()
        self._id = ""
        self._name = f"bench-{uuid.uuid4().hex}"
        # Who waits for this at half of what it moves, stalls.
        self.stalled: threading.Event | None = None

    def up_image(self, size: int) -> None:
        first = image_pb2.UploadImageRequest(
            location=self._at, content=_content(size), name=self._name, disk_format="raw"
        )
        for told in self._images.UploadImage(self._requests(first, size)):
            self._id = told.image.id or self._id

    def down_image(self, size: int) -> None:
        wanted = image_pb2.DownloadImageRequest(
            location=self._at, name_or_id=self._id, part=_CHECKS
        )
        self._read(self._images.DownloadImage(wanted), size)

    def delete_image(self) -> None:
        wanted = image_pb2.DeleteImageRequest(location=self._at, name_or_id=self._id)
        self._images.DeleteImage(wanted)

    def up_object(self, size: int) -> None:
        first = storage_object_pb2.UploadStorageObjectRequest(
            location=self._at, content=_content(size), parent=CONTAINER, name=self._name
        )
        for _ in self._objects.UploadStorageObject(self._requests(first, size)):
            pass

    def down_object(self, size: int) -> None:
        wanted = storage_object_pb2.DownloadStorageObjectRequest(
            location=self._at, parent=CONTAINER, name_or_id=self._name, part=_CHECKS
        )
        self._read(self._objects.DownloadStorageObject(wanted), size)

    def delete_object(self) -> None:
        wanted = storage_object_pb2.DeleteStorageObjectRequest(
            location=self._at, parent=CONTAINER, name_or_id=self._name
        )
        self._objects.DeleteStorageObject(wanted)

    def _requests(self, first: Any, size: int) -> Iterator[Any]:
        make: Callable[..., Message] = type(first)
        yield first
        sent = 0
        for piece in pieces(size):
            yield make(chunk=piece)
            sent += len(piece)
            if self.stalled is not None and sent > size // 2:
                self.stalled.wait()
        yield make(finish=finish(size))

    def _read(self, responses: Iterator[Any], size: int) -> None:
        came = 0
        for response in responses:
            came += len(response.chunk)
            if self.stalled is not None and came > size // 2:
                self.stalled.wait()
        assert came == size


def _content(size: int) -> transfer_pb2.UploadContent:
    return transfer_pb2.UploadContent(size_bytes=size, promises_md5=True)


class Ticket(Stub):
    """The stubs that ask for tickets, and requests that uses them. A signed ticket is good for many
    objects; here each has one of its own."""

    def __init__(self, where: Where) -> None:
        super().__init__(where)
        self._http = requests.Session()
        self._http.trust_env = False

    def up_image(self, size: int) -> None:
        sent: queue.SimpleQueue[image_pb2.UploadImageRequest | None] = queue.SimpleQueue()
        sent.put(
            image_pb2.UploadImageRequest(
                location=self._at,
                content=_content(size),
                name=self._name,
                disk_format="raw",
                accepts_ticket=True,
            )
        )
        for told in self._images.UploadImage(iter(sent.get, None)):
            if told.HasField("ticket"):
                self._use(told.ticket, "", data=Body(size))
                sent.put(image_pb2.UploadImageRequest(finish=finish(size)))
                sent.put(None)
            self._id = told.image.id or self._id

    def down_image(self, size: int) -> None:
        wanted = image_pb2.DownloadImageRequest(
            location=self._at, name_or_id=self._id, accepts_ticket=True
        )
        (told,) = self._images.DownloadImage(wanted)
        with self._use(told.ticket, "", stream=True) as response:
            _count(response, size)

    def up_object(self, size: int) -> None:
        self._use(self._signed(is_upload=True), self._name, data=Body(size))

    def down_object(self, size: int) -> None:
        with self._use(self._signed(is_upload=False), self._name, stream=True) as response:
            _count(response, size)

    def _signed(self, is_upload: bool) -> transfer_pb2.Ticket:
        wanted = storage_object_pb2.SignStorageObjectsRequest(
            location=self._at, parent=CONTAINER, prefix=self._name, is_upload=is_upload
        )
        return self._objects.SignStorageObjects(wanted).ticket

    def _use(self, ticket: transfer_pb2.Ticket, name: str, **options: Any) -> requests.Response:
        url = f"{ticket.url}{name}{ticket.url_end}"
        response = self._http.request(
            ticket.http_method, url, headers=dict(ticket.headers), **options
        )
        if response.status_code != ticket.expected_status:
            raise RuntimeError(f"the cloud answers a ticket with {response.status_code}")
        return response


class Client:
    """The Python client, which goes straight to the cloud where it may."""

    def __init__(self, where: Where) -> None:
        self._client = oaktreemodel.connect(where.address)
        self._cloud: Any = self._client.cloud(where.cloud, region=where.region)
        self._id = ""
        self._name = f"bench-{uuid.uuid4().hex}"

    def up_image(self, size: int) -> None:
        self._id = self._cloud.images.upload(
            File(size, size), name=self._name, disk_format="raw"
        ).id

    def down_image(self, size: int) -> None:
        self._cloud.images.download(self._id, Nowhere())

    def delete_image(self) -> None:
        self._cloud.images.delete(self._id)

    def up_object(self, size: int) -> None:
        # The cloud takes each segment for the beginning of what it is told to assume.
        file = File(size, SEGMENT_BYTES)
        self._cloud.storage_objects.upload(file, parent=CONTAINER, name=self._name)

    def down_object(self, size: int) -> None:
        self._cloud.storage_objects.download(self._name, Nowhere(), parent=CONTAINER)

    def delete_object(self) -> None:
        self._cloud.storage_objects.delete(self._name, parent=CONTAINER)


KINDS: dict[str, Callable[[Where], Any]] = {
    "direct": Direct,
    "stub": Stub,
    "ticket": Ticket,
    "client": Client,
}
