"""Images' bytes at a deployer's oaktree, for callers with tokens of their own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import requests
from oaktree.democloud import DemoCloud
from oaktreemodel.v1.transfer_pb2 import TicketAuth

from ..conftest import until
from ..deployed import Deployed
from ..deployed_fixtures import channel, served
from .sending import Images, chunks, finish, first, md5, reason, request_id, whole

__all__ = ["channel", "served"]

DATA = random.Random(12).randbytes(1_000_001)


def left(demo: DemoCloud, name: str) -> list[Any]:
    return [image for image in demo.items("modern", "east", "images") if image["name"] == name]


def test_upload_and_download(served: Deployed, channel: grpc.Channel) -> None:
    images = Images(channel, served.metadata())
    made = images.image(whole(DATA, name="one", disk_format="raw"))
    assert images.data(made.id) == DATA


def test_ticket(served: Deployed, channel: grpc.Channel) -> None:
    """The caller adds its own token; oaktree tells none."""
    images = Images(channel, served.metadata())
    begun = images.begin([first(DATA, name="one", disk_format="raw", accepts_ticket=True)])
    ticket = next(begun).ticket
    begun.cancel()
    assert ticket.auth == TicketAuth.TICKET_AUTH_CALLER_TOKEN
    assert "X-Auth-Token" not in ticket.headers
    made = images.image(whole(DATA, name="two", disk_format="raw"))
    (told,) = images.download(made.id, accepts_ticket=True)
    token = served.metadata()[0][1].removeprefix("Bearer ")
    headers = {**told.ticket.headers, "X-Auth-Token": token}
    answer = requests.get(told.ticket.url, headers=headers, timeout=60)
    assert answer.content == DATA


def test_the_token_ends_in_the_middle(
    served: Deployed, channel: grpc.Channel, demo: DemoCloud
) -> None:
    """The cloud lets the upload end; whether it is good only a new token can tell."""
    identifier = request_id()

    def requests() -> Iterator[Any]:
        yield first(DATA, name="late", disk_format="raw", request_id=identifier)
        rest = chunks(DATA)
        yield next(rest)
        until(lambda: any(image["status"] == "saving" for image in left(demo, "late")))
        demo.expire_tokens("modern")
        yield from rest
        yield finish(DATA)

    with pytest.raises(grpc.RpcError) as caught:
        Images(channel, served.renewed()).upload(requests())
    assert reason(caught.value) == ("UNAUTHENTICATED", "UNAUTHENTICATED")
    images = Images(channel, served.renewed())
    again = whole(DATA, name="late", disk_format="raw", request_id=identifier)
    made = images.image(again)
    assert made.checksum == md5(DATA)
    assert [image["id"] for image in left(demo, "late")] == [made.id]


def test_a_download_outlives_its_token(
    served: Deployed, channel: grpc.Channel, demo: DemoCloud
) -> None:
    images = Images(channel, served.renewed())
    made = images.image(whole(DATA, name="one", disk_format="raw"))
    call = images.give(made.id)
    taken = next(call)
    assert taken.content.size_bytes == len(DATA)
    demo.expire_tokens("modern")
    assert b"".join(response.chunk for response in call) == DATA


def test_others_images(served: Deployed, channel: grpc.Channel, demo: DemoCloud) -> None:
    """Of what is not seen nothing is told; and what another project has is not taken for one's
    own."""
    images = Images(channel, served.metadata())
    made = images.image(whole(DATA, name="one", disk_format="raw"))
    other = Images(channel, served.metadata("other", "other"))
    with pytest.raises(grpc.RpcError) as caught:
        other.download(made.id)
    assert reason(caught.value) == ("NOT_FOUND", "NOT_FOUND")
    demo.alter("modern", "east", "images", made.id, visibility="public")
    theirs = other.image(whole(DATA, name="one", disk_format="raw", promised=True))
    assert theirs.id != made.id
    demo.remove("modern", "east", "images", theirs.id)
