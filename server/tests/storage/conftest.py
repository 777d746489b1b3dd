"""An oaktree before the embedded clouds, asked for their object storage."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from oaktreemodel.v1.location_pb2 import Location

from ..conftest import Running
from .asks import Store

PLACES = {"modern": "east", "kilo": "RegionOne"}


@pytest.fixture(scope="module")
def running(unlimited_yaml: Path) -> Iterator[Running]:
    """Without a rate of its own: most of what these tests ask fills containers."""
    server = Running(unlimited_yaml, tuple(PLACES))
    yield server
    server.stop()


@pytest.fixture(params=PLACES)
def store(running: Running, request: pytest.FixtureRequest) -> Iterator[Store]:
    with grpc.insecure_channel(running.address) as channel:
        yield Store(running, channel, Location(cloud=request.param, region=PLACES[request.param]))


@pytest.fixture
def modern(running: Running) -> Iterator[Store]:
    with grpc.insecure_channel(running.address) as channel:
        yield Store(running, channel, Location(cloud="modern", region="east"))


@pytest.fixture
def name() -> str:
    """Of a container that no other test has."""
    return f"c-{uuid.uuid4().hex}"
