"""An oaktree before the embedded clouds, asked for their object storage."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from oaktree.democloud import DemoCloud
from oaktreemodel.v1.location_pb2 import Location

from ..conftest import Running
from .asks import Store
from .moving import BEFORE

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


@pytest.fixture
def parent(modern: Store, name: str) -> str:
    """A container that holds something."""
    modern.fill(name)
    modern.swift("PUT", name, "before", body=BEFORE)
    return name


@pytest.fixture
def plant(demo: DemoCloud) -> Callable[..., None]:
    """Plants a fault that meets the requests for objects of one method."""

    def planted(kind: str, method: str, **values: Any) -> None:
        path = "/v1/{account}/{container}/{object:path}"
        demo.fault("modern", kind, service="object-store", method=method, path=path, **values)

    return planted
