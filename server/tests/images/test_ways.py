"""Uploads past oaktree by a ticket, and by an import."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
import requests
import yaml
from google.protobuf.duration_pb2 import Duration
from oaktree.democloud import DemoCloud
from oaktreemodel.v1.common_pb2 import State
from oaktreemodel.v1.image_pb2 import GetImageRequest, UploadImageRequest
from oaktreemodel.v1.location_pb2 import Location
from oaktreemodel.v1.transfer_pb2 import Ticket, TicketAuth, UploadFinish

from ..conftest import Running, until
from .sending import EAST, Images, chunks, finish, first, md5, reason, request_id, sha256, whole

DATA = random.Random(11).randbytes(1_000_001)
PUT, STAGE = "PUT image /images/{id}/file", "PUT image /images/{id}/stage"


def left(demo: DemoCloud, name: str) -> list[Any]:
    return [image for image in demo.items("modern", "east", "images") if image["name"] == name]


def use(ticket: Ticket, data: bytes | None = None) -> requests.Response:
    """What a ticket gives."""
    answer = requests.request(
        ticket.http_method, ticket.url, headers=dict(ticket.headers), data=data, timeout=60
    )
    assert answer.status_code == ticket.expected_status, answer.text
    return answer


class Talk:
    """An upload with a ticket, a request at a time."""

    def __init__(self, images: Images, **fields: Any) -> None:
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self.call = images.begin(iter(self._queue.get, None))
        self.send(first(DATA, disk_format="raw", accepts_ticket=True, **fields))
        self.ticket = next(self.call).ticket

    def send(self, *messages: Any) -> None:
        for message in messages:
            self._queue.put(message)

    def end(self) -> list[Any]:
        self._queue.put(None)
        return list(self.call)


def test_ticket(images: Images, demo: DemoCloud) -> None:
    talk = Talk(images, name="direct", is_protected=True)
    assert talk.ticket.auth == TicketAuth.TICKET_AUTH_EMBEDDED
    assert talk.ticket.expires_at.seconds
    use(talk.ticket, DATA)
    talk.send(finish(DATA, md5=md5(DATA)))
    image = talk.end()[-1].image
    assert (image.status, image.checksum) == ("active", md5(DATA))
    assert image.properties["owner_specified.openstack.sha256"] == sha256(DATA)
    assert image.is_protected
    assert images.data(image.id) == DATA


def test_a_ticket_that_leads_nowhere(images: Images) -> None:
    """The bytes may come here all the same; the first of them are in the first request."""
    for begun in (0, 1000):
        talk = Talk(images, name="streamed", chunk=DATA[:begun])
        assert talk.ticket.url
        talk.send(*chunks(DATA[begun:]), finish(DATA))
        image = talk.end()[-1].image
        assert image.checksum == md5(DATA)


@pytest.mark.parametrize(
    ("sent", "told", "refused"),
    [
        # Nothing was sent; other bytes; too few, which the cloud notices; no digests.
        (None, finish(DATA, md5=md5(DATA)), "FAILED_PRECONDITION"),
        (DATA[::-1], finish(DATA, md5=md5(DATA)), "DATA_LOSS"),
        (DATA, finish(DATA), "INVALID_ARGUMENT"),
    ],
)
def test_a_ticket_used_wrongly(
    images: Images, demo: DemoCloud, sent: bytes | None, told: Any, refused: str
) -> None:
    talk = Talk(images, name="wrong")
    if sent is not None:
        use(talk.ticket, sent)
    talk.send(told)
    with pytest.raises(grpc.RpcError) as caught:
        talk.end()
    assert reason(caught.value)[0] == refused
    assert not left(demo, "wrong")


def test_leaving_with_a_ticket(images: Images, demo: DemoCloud) -> None:
    talk = Talk(images, name="left")
    assert left(demo, "left")
    talk.call.cancel()
    until(lambda: not left(demo, "left"))


def test_no_ticket_where_none_is_of_use(images: Images) -> None:
    """For what has come already; and while nobody knows what it is."""
    small = first(DATA, name="one", disk_format="raw", accepts_ticket=True, chunk=DATA)
    done = UploadImageRequest(finish=UploadFinish(sha256=sha256(DATA)))
    assert not any(one.HasField("ticket") for one in images.upload([small, done]))
    unknown = first(DATA, name="two", accepts_ticket=True)
    responses = images.upload([unknown, *chunks(DATA), finish(DATA)])
    assert not any(one.HasField("ticket") for one in responses)


def test_download_ticket(images: Images) -> None:
    made = images.image(whole(DATA, name="one", disk_format="raw"))
    (told,) = images.download(made.id, accepts_ticket=True)
    assert told.image.id == made.id
    assert told.content.sha256 == sha256(DATA)
    assert use(told.ticket).content == DATA
    part = {"offset_bytes": 5, "length_bytes": 10}
    (told,) = images.download(made.id, accepts_ticket=True, part=part)
    assert use(told.ticket).content == DATA[5:15]


# By an import.


@pytest.fixture(scope="module")
def importing(demo: DemoCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An oaktree before a cloud that wants images staged."""
    entry = demo.entry("modern", "demo", "demo") | {"image_api_use_import": True}
    path = tmp_path_factory.mktemp("importing") / "clouds.yaml"
    path.write_text(yaml.safe_dump({"clouds": {"modern": entry}}))
    server = Running(path)
    yield server
    server.stop()


@pytest.fixture
def staged(importing: Running) -> Iterator[Images]:
    with grpc.insecure_channel(importing.address) as channel:
        yield Images(channel)


def test_import(staged: Images, demo: DemoCloud) -> None:
    demo.set("modern", import_seconds=0.5)
    demo.reset_calls()
    # A ticket would not do.
    request = whole(DATA, name="one", disk_format="raw", accepts_ticket=True)
    responses = staged.upload(request)
    assert not any(one.HasField("ticket") for one in responses)
    assert responses[-1].image.checksum == md5(DATA)
    assert staged.data("one") == DATA
    assert (demo.calls()[STAGE], demo.calls()[PUT]) == (1, 0)


def test_an_import_that_fails(staged: Images, demo: DemoCloud) -> None:
    """Its image would stay `importing` for good."""
    with pytest.raises(grpc.RpcError) as caught:
        staged.upload(whole(DATA, name="bad", disk_format="qcow2"))
    assert reason(caught.value) == ("FAILED_PRECONDITION", "RESOURCE_FAILED")
    assert not left(demo, "bad")


def test_an_import_over_the_quota(staged: Images, demo: DemoCloud) -> None:
    demo.set("modern", quota={"image_size_total": 0})
    try:
        with pytest.raises(grpc.RpcError, match="over a limit"):
            staged.upload(whole(DATA, name="bad", disk_format="raw"))
    finally:
        demo.set("modern", quota={"image_size_total": 1_000_000})
    assert not left(demo, "bad")


def test_leaving_an_import(staged: Images, demo: DemoCloud) -> None:
    identifier = request_id()
    requests = whole(DATA, name="left", disk_format="raw", request_id=identifier)
    with pytest.raises(grpc.RpcError):
        list(staged.cut(requests[:5]))
    until(lambda: not left(demo, "left"))
    assert staged.image(requests).checksum == md5(DATA)


# By the cloud itself.


@pytest.fixture
def web() -> Iterator[str]:
    """The URL of what the cloud is to fetch."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/image" else 404)
            self.send_header("Content-Length", str(len(DATA)))
            self.end_headers()
            self.wfile.write(DATA)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/image"
    server.shutdown()
    thread.join()
    server.server_close()


def test_fetch(images: Images, demo: DemoCloud, web: str) -> None:
    identifier = request_id()
    fields = {"name": "fetched", "disk_format": "raw", "url": web, "request_id": identifier}
    made = images.fetch(**fields, is_protected=True, properties={"os_distro": "debian"})
    until(lambda: left(demo, "fetched")[0]["status"] == "active")
    assert images.data(made.id) == DATA
    assert left(demo, "fetched")[0]["protected"]
    assert images.fetch(**fields, is_protected=True, properties={"os_distro": "debian"}).id == (
        made.id
    )
    demo.alter("modern", "east", "images", made.id, protected=False)


def test_fetch_what_is_not_there(images: Images, demo: DemoCloud, web: str) -> None:
    made = images.fetch(name="nothing", disk_format="raw", url=web + "s")
    asked = GetImageRequest(location=EAST, name_or_id=made.id, max_age=Duration())
    until(lambda: bool(images.stub.GetImage(asked).image.state == State.STATE_FAILED))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"url": ""}, "INVALID_ARGUMENT"),
        ({"url": "file:///etc/passwd"}, "INVALID_ARGUMENT"),
        ({"url": "http://"}, "INVALID_ARGUMENT"),
        ({"url": "http://[::1"}, "INVALID_ARGUMENT"),
        ({"disk_format": ""}, "INVALID_ARGUMENT"),
        ({"disk_format": "luks"}, "NOT_OFFERED"),
        ({"location": Location(cloud="kilo", region="RegionOne")}, "NOT_OFFERED"),
    ],
)
def test_fetch_refused(images: Images, demo: DemoCloud, fields: dict[str, Any], told: str) -> None:
    good = {"name": "bad", "disk_format": "raw", "url": "http://example.invalid/image"}
    demo.reset_calls()
    with pytest.raises(grpc.RpcError) as caught:
        images.fetch(**{**good, **fields})
    assert reason(caught.value)[1] == told
    assert "POST image /images" not in demo.calls()
