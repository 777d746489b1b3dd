"""Clouds that fail in every way there is: those who wait and watch go on by themselves, and nobody
is told what is not so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import oaktreemodel
import oaktreemodel.aio
import pytest
from oaktree import http, poller
from oaktree.democloud import DemoCloud
from oaktreemodel.v1.location_pb2 import Location

from .conftest import Running
from .told import Told, until

EAST = Location(cloud="modern", region="east")
# So many requests meet an outage before it ends.
POLLS = 3


@pytest.fixture(scope="module")
def clouds_yaml(unlimited_yaml: Path) -> Path:
    return unlimited_yaml


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten minutes in a second."""
    for name, seconds in {"SINGLE": 0.05, "FAST": 0.1, "SLOW": 0.1, "SLOWEST": 0.2}.items():
        monkeypatch.setattr(poller, name, seconds)
    monkeypatch.setattr(http, "READ_SECONDS", 1.0)


@pytest.fixture
async def channel(running: Running) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(running.address) as opened:
        yield opened


@pytest.fixture
async def cloud(running: Running) -> AsyncIterator[Any]:
    async with oaktreemodel.aio.connect(running.address) as client:
        yield client.cloud("modern", region="east")


@dataclass
class Waiting:
    """Somebody who waits for a server."""

    cloud: Any
    server: str
    until: str
    states: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.task: asyncio.Task[Any] = asyncio.create_task(
            self.cloud.servers.wait(
                self.server,
                until=self.until,
                timeout=100,
                on_state=lambda server: self.states.append(server.status),
            )
        )


@contextlib.contextmanager
def told_as_failed() -> Iterator[None]:
    """What is in it may fail, if it does not say that there is no such thing."""
    try:
        yield
    except oaktreemodel.NotFound:
        raise
    except oaktreemodel.OaktreeError as error:
        if error.cloud != "modern":
            raise


@dataclass
class Scene:
    """A watch, two waits, and what happens meanwhile."""

    demo: DemoCloud
    cloud: Any
    channel: grpc.aio.Channel

    async def begin(self) -> None:
        add = self.demo.add_servers("modern", "east", 5, prefix="scene")
        self.kept, self.renamed, self.removed, self.built, self.deleted = add
        self.alter(self.built, status="BUILD")
        self.told = Told(self.channel, location=EAST)
        self.ready = Waiting(self.cloud, self.built, "ready")
        self.gone = Waiting(self.cloud, self.deleted, "deleted")
        await until(lambda: self.told.marks == ["RESET", "SYNCED"])
        await until(lambda: bool(self.ready.states and self.gone.states))

    def alter(self, server: str, **values: Any) -> None:
        self.demo.alter("modern", "east", "servers", server, **values)

    def remove(self, server: str) -> None:
        self.demo.remove("modern", "east", "servers", server)

    def change(self) -> None:
        """What happens while nobody can see it."""
        self.alter(self.renamed, name="renamed")
        self.remove(self.removed)

    def there(self) -> set[str]:
        return {server["id"] for server in self.demo.items("modern", "east", "servers")}

    async def reads_are_right(self) -> None:
        """What is read is either as it is, or told to have failed."""
        servers = self.cloud.servers
        with told_as_failed():
            listed = [one async for one in servers.list(max_age=0, timeout=20)]
            assert {one.id for one in listed} == self.there()
            assert "renamed" in {one.name for one in listed}
        with told_as_failed():
            one = await servers.get(self.renamed, max_age=0, timeout=20)
            assert one.name == "renamed"

    def nobody_was_misled(self) -> None:
        assert not self.ready.task.done()
        assert not self.gone.task.done()
        assert {"DELETED", "ERROR"}.isdisjoint(self.ready.states + self.gone.states)
        assert {self.kept, self.built, self.deleted} <= self.told.servers.keys()
        assert set(self.told.deleted) <= {self.removed}

    async def end(self) -> None:
        """The cloud is back; the waits end, and everybody knows all."""
        self.alter(self.built, status="ACTIVE")
        self.remove(self.deleted)
        assert (await self.ready.task).status == "ACTIVE"
        await self.gone.task
        await until(lambda: self.told.servers.keys() == self.there())
        await until(lambda: bool(self.told.servers[self.renamed].name == "renamed"))
        await until(lambda: bool(self.told.servers[self.built].status == "ACTIVE"))
        assert set(self.told.deleted) <= {self.removed, self.deleted}
        await self.told.end()


@pytest.fixture
async def scene(demo: DemoCloud, cloud: Any, channel: grpc.aio.Channel) -> AsyncIterator[Scene]:
    made = Scene(demo, cloud, channel)
    await made.begin()
    yield made
    for server in made.there():
        made.remove(server)


async def polled(demo: DemoCloud, times: int = POLLS) -> None:
    """Waits until the cloud has been asked so many times more."""
    demo.reset_calls()
    await until(lambda: demo.calls("modern").total() >= times)


OUTAGES: dict[str, dict[str, Any]] = {
    "silent": {"kind": "silent"},
    "cut before an answer": {"kind": "cut"},
    "cut in the body": {"kind": "cut_body"},
    "half of a JSON": {"kind": "broken_json"},
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503},
    "503 with a time": {"kind": "status", "status": 503, "retry_after": 0},
    "429": {"kind": "status", "status": 429, "retry_after": 0},
    # With what is an answer, and not the one to this question.
    "200": {"kind": "status", "status": 200},
    "no tokens": {"kind": "status", "status": 500, "service": "identity"},
    "no answer for a token": {"kind": "silent", "service": "identity"},
}


@pytest.mark.parametrize("fault", OUTAGES.values(), ids=OUTAGES)
async def test_an_outage(scene: Scene, demo: DemoCloud, fault: dict[str, Any]) -> None:
    demo.fault("modern", **{"service": "compute", "times": None} | fault)
    demo.expire_tokens("modern")
    await until(lambda: scene.told.failures == ["modern"])
    scene.change()
    await polled(demo)
    await scene.reads_are_right()
    scene.nobody_was_misled()
    # It is told once, however often it is tried.
    assert scene.told.failures == ["modern"]
    assert scene.told.marks == ["RESET", "SYNCED"]
    demo.clear_faults()
    await until(lambda: scene.told.marks == ["RESET", "SYNCED"] * 2)
    await scene.end()


async def test_a_cloud_that_is_gone_and_comes_back(scene: Scene, demo: DemoCloud) -> None:
    demo.stop("modern")
    try:
        await until(lambda: scene.told.failures == ["modern"])
        await scene.reads_are_right()
        scene.nobody_was_misled()
        # The longest pause passes more than once.
        await asyncio.sleep(5 * poller.SLOWEST)
        scene.nobody_was_misled()
    finally:
        demo.start_again("modern")
    scene.change()
    await until(lambda: scene.told.marks == ["RESET", "SYNCED"] * 2)
    assert scene.told.failures == ["modern"]
    await scene.end()


async def quiet(scene: Scene) -> None:
    """Nothing happened that anybody has to know of."""
    scene.change()
    await scene.reads_are_right()
    await until(lambda: scene.told.deleted == [scene.removed])
    scene.nobody_was_misled()
    await scene.end()
    assert (scene.told.failures, scene.told.marks) == ([], ["RESET", "SYNCED"])


async def test_a_slow_cloud(scene: Scene, demo: DemoCloud) -> None:
    demo.fault("modern", "delay", service="compute", seconds=0.3, times=2 * POLLS)
    await quiet(scene)


async def test_tokens_that_are_worth_nothing_all_at_once(scene: Scene, demo: DemoCloud) -> None:
    for _ in range(3):
        demo.expire_tokens("modern")
        await polled(demo)
    demo.fault("modern", "expired_token", service="compute")
    await quiet(scene)


async def test_a_page_that_is_missing(
    scene: Scene, demo: DemoCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oaktree.democloud.nova.service.MAX_LIMIT", 2)
    # The first page, and then nothing: as if that were all.
    demo.fault("modern", "empty_list", path="/servers/detail", skip=1, times=1)
    await polled(demo, 10)
    demo.fault("modern", "empty_list", path="/servers/detail", times=POLLS)
    await polled(demo, 10)
    scene.nobody_was_misled()
    assert not scene.told.deleted
    demo.clear_faults()
    await quiet(scene)


async def test_a_cell_that_is_down(scene: Scene, demo: DemoCloud) -> None:
    for server in scene.there():
        scene.alter(server, status="UNKNOWN", name="", metadata={})
    await polled(demo, 10)
    assert {one.status for one in scene.told.servers.values()} == {"ACTIVE", "BUILD"}
    assert "UNKNOWN" not in scene.ready.states + scene.gone.states
    scene.nobody_was_misled()
    for server in scene.there():
        scene.alter(server, status="BUILD" if server == scene.built else "ACTIVE")
    await quiet(scene)


async def test_a_wait_across_a_cell_that_is_down(cloud: Any, demo: DemoCloud) -> None:
    (server,) = demo.add_servers("modern", "east", 1)
    demo.alter("modern", "east", "servers", server, status="BUILD", name="kept")
    waiting = Waiting(cloud, server, "ready")
    await until(lambda: waiting.states == ["BUILD"])
    demo.alter("modern", "east", "servers", server, status="UNKNOWN", name="")
    await polled(demo)
    demo.alter("modern", "east", "servers", server, status="ACTIVE", name="kept")
    assert (await waiting.task).name == "kept"
    # Of what is known nothing is taken back.
    assert waiting.states == ["BUILD", "ACTIVE"]


@pytest.mark.parametrize(
    ("noun", "status"), [("volumes", 404), ("images", 400), ("floating_ips", 404)]
)
async def test_a_marker_that_vanishes(
    cloud: Any, demo: DemoCloud, monkeypatch: pytest.MonkeyPatch, noun: str, status: int
) -> None:
    """The list is begun again, and nobody is told that what it lacked is gone."""
    monkeypatch.setattr("oaktree.democloud.cinder.service.MAX_LIMIT", 2)
    monkeypatch.setattr("oaktree.democloud.glance.images.MAX_LIMIT", 2)
    if noun == "volumes":
        for number in range(5):
            await cloud.volumes.create(name=f"marked-{number}", size_gib=1)
    path = {"volumes": "/volumes/detail", "images": "/images", "floating_ips": "/floatingips"}[noun]
    mirror: oaktreemodel.Mirror[Any] = oaktreemodel.Mirror()
    collection, kinds = getattr(cloud, noun), []

    async def follow() -> None:
        async for event in collection.watch():
            mirror.apply(event)
            kinds.append(event.kind)

    following = asyncio.create_task(follow())
    await until(lambda: "synced" in kinds)
    there = {one.id async for one in collection.list(max_age=0)}
    demo.fault("modern", "status", status=status, path=path, skip=1)
    await polled(demo, 10)
    assert {one.id async for one in collection.list(max_age=0)} == there
    assert {key.id for key in mirror} == there
    assert "removed" not in kinds
    following.cancel()
