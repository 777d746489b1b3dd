"""An object storage and an image service in memory, behind a fake oaktree; and by HTTP, for those
with a ticket."""

from __future__ import annotations

import hashlib
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from fake import BOUND, Oaktree, status
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from oaktreemodel import v1

Action = v1.UploadAction
CHUNK = 100_000
GOING_ON = v1.UploadProgress()


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sent(call: Any) -> bytes:
    """The bytes that an upload sent."""
    return b"".join(one.chunk for one in call.sent)


def taken(response: Callable[..., Any], *before: Message) -> Callable[..., Iterator[Any]]:
    """Answers an upload: these at once, then the response for all that came."""

    def upload(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        first, data = None, b""
        for one in requests:
            if first is None:
                first = one
                yield from before
            data += one.chunk
            if one.HasField("finish"):
                assert one.finish.sha256 == sha256(data)
                assert len(data) == first.content.size_bytes
                yield response(first, data)
                return

    return upload


def image(request: Any, data: bytes) -> v1.UploadImageResponse:
    made = v1.Image(id="1", name=request.name, size_bytes=len(data), hash_value=sha256(data))
    return v1.UploadImageResponse(image=made)


GO = v1.UploadImageResponse(progress=GOING_ON)
IMAGE = taken(image, GO)


def pieces(
    data: bytes, request: Any, *, etag: str = "e", stop: int | None = None, **told: Any
) -> Iterator[Any]:
    """The responses of a download of an image; `stop`: only so many bytes, and no end. As oaktree,
    it computes nothing for who compares it with what is told."""
    part = request.part
    end = part.offset_bytes + part.length_bytes if part.HasField("length_bytes") else len(data)
    rest = data[part.offset_bytes : end]
    content = v1.DownloadContent(size_bytes=len(data), etag=etag, **told)
    yield v1.DownloadImageResponse(image=v1.Image(id="1", name="n"), content=content)
    given = rest[:stop]
    for start in range(0, len(given), CHUNK):
        yield v1.DownloadImageResponse(chunk=given[start : start + CHUNK])
    if stop is None:
        made = "" if part.checks_content and told else sha256(rest)
        yield v1.DownloadImageResponse(finish=v1.DownloadFinish(sha256=made))


class Container:
    """One container, with plans, segments, tickets and all."""

    def __init__(self, oaktree: Oaktree) -> None:
        self.objects: dict[str, bytes] = {}
        self.segments: dict[str, bytes] = {}
        # Objects of so many bytes go in segments of so many.
        self.segment_size = 1 << 40
        self.web: Web | None = None
        self.lock = threading.Lock()
        for rpc, answer in {
            "PlanStorageObjectUploads": self._plan,
            "UploadStorageObject": self._upload,
            "CommitStorageObject": self._commit,
            "DeleteManyStorageObjects": self._delete,
            "ListStorageObjects": self._list,
            "DownloadStorageObject": self._download,
            "SignStorageObjects": self._sign,
            "GetStorageObject": self._get,
        }.items():
            oaktree.answer(rpc, answer)

    def _object(self, name: str) -> v1.StorageObject:
        data = self.objects[name]
        return v1.StorageObject(id=name, name=name, size_bytes=len(data), etag=md5(data))

    def _plan(
        self, request: v1.PlanStorageObjectUploadsRequest, context: Any
    ) -> v1.PlanStorageObjectUploadsResponse:
        assert len(request.entries) <= 5000
        paths = [one.path for one in request.entries]
        assert paths == sorted(set(paths))
        assert not paths or request.after < paths[0]
        response = v1.PlanStorageObjectUploadsResponse()
        for entry in request.entries:
            self._step(response.steps.add(), request.prefix, entry)
        if request.finds_extra:
            last = "\U0010ffff" if request.is_last else paths[-1]
            for name in sorted(self.objects):
                path = name.removeprefix(request.prefix)
                inside = name.startswith(request.prefix) and request.after < path <= last
                if inside and path not in paths:
                    response.steps.add(path=path, name=name, action=Action.UPLOAD_ACTION_DELETE)
        return response

    def _step(self, step: v1.UploadStep, prefix: str, entry: v1.UploadEntry) -> None:
        step.path, step.name = entry.path, prefix + entry.path
        there = self.objects.get(step.name)
        step.action = Action.UPLOAD_ACTION_SEND
        step.why = "it is not there"
        if there is not None and len(there) == entry.size_bytes:
            if not entry.md5:
                step.action = Action.UPLOAD_ACTION_NEED_CHECKSUM
                return
            if entry.md5 == md5(there):
                step.action, step.why = Action.UPLOAD_ACTION_SKIP, "it is there"
                return
        if entry.size_bytes <= self.segment_size:
            return
        step.upload_id = "upload"
        if self.segments and not entry.segment_md5s:
            step.action = Action.UPLOAD_ACTION_NEED_CHECKSUM
        for index, start in enumerate(range(0, entry.size_bytes, self.segment_size)):
            name = f".oaktree/segments/{index:08d}"
            is_there = bool(entry.segment_md5s) and name in self.segments
            step.segments.add(
                index=index,
                offset_bytes=start,
                size_bytes=min(self.segment_size, entry.size_bytes - start),
                name=name,
                is_done=is_there and md5(self.segments[name]) == entry.segment_md5s[index],
            )

    def _upload(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        def store(request: v1.UploadStorageObjectRequest, data: bytes) -> Message:
            made = v1.StorageObject(name=request.name, size_bytes=len(data), etag=md5(data))
            with self.lock:
                if request.HasField("segment"):
                    self.segments[f".oaktree/segments/{request.segment.index:08d}"] = data
                else:
                    self.objects[request.name] = data
            return v1.UploadStorageObjectResponse(storage_object=made)

        return taken(store)(requests, context)

    def _commit(
        self, request: v1.CommitStorageObjectRequest, context: Any
    ) -> v1.CommitStorageObjectResponse:
        parts = [self.segments[name] for name in sorted(self.segments)]
        assert [(md5(one), len(one)) for one in parts] == [
            (one.md5, one.size_bytes) for one in request.segments
        ]
        self.objects[request.name] = b"".join(parts)
        assert request.sha256 == sha256(self.objects[request.name])
        self.segments.clear()
        return v1.CommitStorageObjectResponse(storage_object=self._object(request.name))

    def _delete(
        self, request: v1.DeleteManyStorageObjectsRequest, context: Any
    ) -> v1.DeleteManyStorageObjectsResponse:
        gone = [self._object(name) for name in request.names if self.objects.get(name) is not None]
        for one in gone:
            del self.objects[one.name]
        return v1.DeleteManyStorageObjectsResponse(storage_objects=gone)

    def _list(self, request: v1.ListStorageObjectsRequest, context: Any) -> Iterator[Message]:
        for name in sorted(self.objects):
            if name.startswith(request.prefix):
                yield v1.ListStorageObjectsResponse(storage_objects=[self._object(name)])

    def _download(self, request: v1.DownloadStorageObjectRequest, context: Any) -> Iterator[Any]:
        data = self.objects[request.name_or_id]
        content = v1.DownloadContent(size_bytes=len(data), etag=md5(data), md5=md5(data))
        made = self._object(request.name_or_id)
        yield v1.DownloadStorageObjectResponse(storage_object=made, content=content)
        yield v1.DownloadStorageObjectResponse(chunk=data)
        finish = v1.DownloadFinish(sha256=sha256(data))
        yield v1.DownloadStorageObjectResponse(finish=finish)

    def _get(self, request: v1.GetStorageObjectRequest, context: Any) -> Message:
        return v1.GetStorageObjectResponse(storage_object=self._object(request.name_or_id))

    def _sign(self, request: v1.SignStorageObjectsRequest, context: Any) -> Message | Status:
        if self.web is None:
            return status(grpc.StatusCode.FAILED_PRECONDITION, "NOT_OFFERED")
        return v1.SignStorageObjectsResponse(ticket=self.web.ticket(request))


class Web:
    """What tickets lead to: a web server on the loopback that keeps what it is given.

    Attributes:
        kept: By the path, unquoted; shared with a container where there is one.
        seen: Method, path and headers of every request.
        statuses: What the next requests are answered instead.
        cut: How many bytes the next downloads get before the connection is cut.
    """

    def __init__(self, container: Container | None = None) -> None:
        self.container = container
        self.kept: dict[str, bytes] = {}
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.statuses: list[int] = []
        self.cut: list[int] = []
        self.signed = 0
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _begin(self) -> int:
                with web.lock:
                    web.seen.append((self.command, self.path, dict(self.headers.items())))
                    return web.statuses.pop(0) if web.statuses else 0

            def _end(self, code: int, body: bytes = b"", **headers: str) -> None:
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_PUT(self) -> None:
                told = self._begin()
                data = self.rfile.read(int(self.headers["Content-Length"]))
                if told:
                    self._end(told)
                    return
                wanted = self.headers.get("ETag")
                if wanted is not None and wanted != md5(data):
                    self._end(422)
                    return
                web.store(self._name(), data)
                self._end(201, Etag=f'"{md5(data)}"')

            def do_GET(self) -> None:
                told = self._begin()
                if told:
                    self._end(told)
                    return
                data = web.find(self._name())
                if not web.cut:
                    self._end(200, data)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: web.cut.pop()])
                self.close_connection = True

            def _name(self) -> str:
                return urllib.parse.unquote(self.path.partition("?")[0]).removeprefix("/c/")

            def log_message(self, *args: Any) -> None:
                pass

        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/c/"

    def store(self, name: str, data: bytes) -> None:
        with self.lock:
            if self.container is None:
                self.kept[name] = data
            elif name.startswith(".oaktree/"):
                self.container.segments[name] = data
            else:
                self.container.objects[name] = data

    def find(self, name: str) -> bytes:
        return self.kept[name] if self.container is None else self.container.objects[name]

    def ticket(self, request: v1.SignStorageObjectsRequest) -> v1.Ticket:
        """For all names that begin so."""
        self.signed += 1
        return v1.Ticket(
            http_method="PUT" if request.is_upload else "GET",
            url=self.url,
            url_end=f"?signed={self.signed}",
            prefix=request.prefix,
            auth=v1.TicketAuth.TICKET_AUTH_SIGNED,
            expected_status=201 if request.is_upload else 200,
        )

    def one(self, method: str, **more: Any) -> v1.Ticket:
        """For the one thing called x."""
        more.setdefault("auth", v1.TicketAuth.TICKET_AUTH_SIGNED)
        code = 201 if method == "PUT" else 200
        return v1.Ticket(http_method=method, url=f"{self.url}x", expected_status=code, **more)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(BOUND)
