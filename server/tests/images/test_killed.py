"""An oaktree that is killed in the middle of uploads: what it leaves is no image that could be used
and is wrong, and whoever tries again gets his image, once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from oaktree.democloud import DemoCloud

from ..conftest import until
from ..test_command import start
from .sending import Images, chunks, finish, first, md5, request_id, whole

UPLOADS = 12


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoCloud]:
    with DemoCloud.start(names=["modern"]) as clouds:
        yield clouds


@contextmanager
def oaktree(clouds_yaml: Path) -> Iterator[tuple[Any, Images]]:
    process, address = start("--clouds", clouds_yaml, "--cloud", "modern", "--no-auth")
    try:
        with grpc.insecure_channel(address) as channel:
            yield process, Images(channel)
    finally:
        process.kill()
        process.communicate(timeout=30)


def test_killed(demo: DemoCloud, clouds_yaml: Path) -> None:
    dice = random.Random(15)
    uploads = [
        (f"image-{number}", dice.randbytes(dice.randrange(1, 600_000)), request_id())
        for number in range(UPLOADS)
    ]

    def some(name: str, data: bytes, identifier: str, rest: int) -> Iterator[Any]:
        """An upload that is at its own point when its oaktree is killed."""
        yield first(data, name=name, disk_format="raw", request_id=identifier)
        sent = list(chunks(data, 50_000))
        yield from sent[: len(sent) - rest]
        if not rest:
            yield finish(data)
        until(lambda: process.poll() is not None)

    with oaktree(clouds_yaml) as (process, images):
        calls = [images.begin(some(*upload, number % 4)) for number, upload in enumerate(uploads)]
        until(lambda: len(_made(demo)) > UPLOADS // 2)
        process.kill()
        for call in calls:
            # Some may have been through in time.
            with suppress(grpc.RpcError):
                list(call)
    data = {name: one for name, one, _ in uploads}
    for image in _made(demo):
        if image["status"] == "active":
            assert image["checksum"] == md5(data[image["name"]])
    with oaktree(clouds_yaml) as (_, images):
        for name, one, identifier in uploads:
            made = images.image(whole(one, name=name, disk_format="raw", request_id=identifier))
            assert made.checksum == md5(one)
            assert images.data(made.id) == one
    assert Counter(image["name"] for image in _made(demo)) == Counter(data.keys())


def _made(demo: DemoCloud) -> list[Any]:
    images = demo.items("modern", "east", "images")
    return [image for image in images if str(image["name"]).startswith("image-")]
