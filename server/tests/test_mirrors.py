"""Random writes and reads by several callers over two channels, while somebody else changes things
in the cloud itself: no read is older than it promised, none misses its caller's own write, and what
watches lead to is what there is.

`OAKTREE_SEED` repeats a run's dice; the order in which the callers come is not theirs.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import oaktreemodel.aio
import pytest
from oaktree import poller
from oaktree.democloud import DemoCloud
from oaktree.verbs import MAX_AGE
from oaktreemodel.v1.location_pb2 import Location

from .conftest import Running

SEED = int(os.environ.get("OAKTREE_SEED", "20261121"))
CALLERS, STEPS = 4, 12
EAST = Location(cloud="modern", region="east")
# What a clock may jump between two looks at it.
JITTER = 0.005


class Kind(NamedTuple):
    """A resource, and how it is made and named."""

    noun: str
    collection: str
    table: str
    new: dict[str, Any]
    # What a caller, or somebody else, writes into.
    label: str = "name"

    @property
    def singular(self) -> str:
        return self.collection.removesuffix("s")

    def stub(self, channel: grpc.aio.Channel) -> Any:
        module = importlib.import_module(f"oaktreemodel.v1.{self.singular}_pb2_grpc")
        return getattr(module, f"{self.noun}ServiceStub")(channel)

    def request(self, verb: str, **values: Any) -> Any:
        module = importlib.import_module(f"oaktreemodel.v1.{self.singular}_pb2")
        return getattr(module, f"{verb}Request")(location=EAST, **values)


KINDS = (
    Kind("Server", "servers", "servers", {"image": "cirros", "flavor": "m1.tiny"}),
    Kind("Volume", "volumes", "volumes", {"size_gib": 1}),
    Kind("Port", "ports", "ports", {"network": "private"}),
    Kind(
        "FloatingIp",
        "floating_ips",
        "floatingips",
        {"floating_network": "public"},
        label="description",
    ),
)


@pytest.fixture(scope="module")
def clouds_yaml(unlimited_yaml: Path) -> Path:
    return unlimited_yaml


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"SINGLE": 0.05, "FAST": 0.1, "SLOW": 0.1}.items():
        monkeypatch.setattr(poller, name, seconds)


@pytest.fixture
async def channels(running: Running) -> AsyncIterator[list[grpc.aio.Channel]]:
    # Else both would share one connection.
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with (
        grpc.aio.insecure_channel(running.address, options=options) as one,
        grpc.aio.insecure_channel(running.address, options=options) as other,
    ):
        yield [one, other]


class Stranger:
    """Somebody else, who changes his things in the cloud itself, and notes when."""

    def __init__(self, demo: DemoCloud) -> None:
        self._demo = demo
        # Of each thing its labels and when each was there for sure, in seconds since the epoch.
        self.labels: dict[str, list[tuple[str, float]]] = defaultdict(list)
        self._things: list[tuple[Kind, str]] = []

    async def begin(self, cloud: Any) -> None:
        for kind in KINDS:
            made = await getattr(cloud, kind.collection).create(**kind.new, **{kind.label: "0"})
            await getattr(cloud, kind.collection).wait(made.id, timeout=60)
            self._things.append((kind, made.id))
            self.labels[made.id].append(("0", time.time()))

    def change(self, dice: random.Random) -> None:
        kind, thing = dice.choice(self._things)
        label = str(len(self.labels[thing]))
        # It may be seen before it is known to be there.
        self.labels[thing].append((label, float("inf")))
        self._demo.alter("modern", "east", kind.table, thing, **{kind.label: label})
        self.labels[thing][-1] = (label, time.time())

    def check(self, thing: Any, kind: Kind, oldest: float) -> None:
        """What is shown of a thing of his is what was there then, or newer."""
        known = self.labels[thing.id]
        must = [number for number, (_, since) in enumerate(known) if since <= oldest]
        assert int(getattr(thing, kind.label)) >= max(must, default=0)


class Caller:
    """Writes to things of his own, and reads all, now through the one channel, now the other."""

    def __init__(
        self, number: int, channels: list[grpc.aio.Channel], cloud: Any, stranger: Stranger
    ) -> None:
        self._dice = random.Random(SEED * 100 + number)
        self._number = number
        self._channels = channels
        self._cloud = cloud
        self._stranger = stranger
        self._mine: dict[str, tuple[Kind, str]] = {}

    async def run(self) -> None:
        for step in range(STEPS):
            await self._write(f"c{self._number}-{step}")
            self._stranger.change(self._dice)
            for _ in range(2):
                await self._dice.choice((self._list, self._get))(
                    self._dice.choice((None, 0.0, 0.3, 30.0))
                )
        for thing in list(self._mine):
            await self._remove(thing)

    async def _write(self, label: str) -> None:
        what = self._dice.choice(("create", "create", "update", "restart", "remove"))
        if not self._mine or what == "create":
            kind = self._dice.choice(KINDS)
            made = await self._of(kind).create(**kind.new, **{kind.label: label})
            self._mine[made.id] = kind, label
            return
        thing = self._dice.choice(sorted(self._mine))
        kind, _ = self._mine[thing]
        if what == "remove":
            await self._remove(thing)
        elif what == "restart" and kind.noun == "Server":
            await self._of(kind).wait(thing, timeout=60)
            await self._of(kind).stop(thing)
            await self._of(kind).wait(thing, until="stopped", timeout=60)
            await self._of(kind).start(thing)
        else:
            await self._of(kind).update(thing, **{kind.label: label})
            self._mine[thing] = kind, label

    async def _remove(self, thing: str) -> None:
        kind, _ = self._mine.pop(thing)
        await self._of(kind).wait(thing, timeout=60)
        await self._of(kind).delete(thing)
        await self._of(kind).wait(thing, until="deleted", timeout=60)
        assert thing not in {one.id for one in await self._listed(kind, 0.0)}

    def _of(self, kind: Kind) -> Any:
        return getattr(self._cloud, kind.collection)

    async def _list(self, max_age: float | None) -> None:
        kind = self._dice.choice(KINDS)
        shown = {one.id: one for one in await self._listed(kind, max_age)}
        for thing, (of, label) in self._mine.items():
            if of is kind:
                assert getattr(shown[thing], kind.label) == label

    async def _listed(self, kind: Kind, max_age: float | None) -> list[Any]:
        request, oldest = self._read(kind, f"List{kind.noun}s", max_age)
        stub = kind.stub(self._dice.choice(self._channels))
        listed: list[Any] = []
        async for response in getattr(stub, f"List{kind.noun}s")(request):
            assert not response.failures
            assert response.as_of.ToNanoseconds() / 1e9 >= oldest
            listed += getattr(response, kind.collection)
        self._check(kind, listed, oldest)
        return listed

    async def _get(self, max_age: float | None) -> None:
        theirs = [(kind, thing) for thing, (kind, _) in self._mine.items()]
        kind, thing = self._dice.choice(sorted(theirs + self._stranger._things))
        request, oldest = self._read(kind, f"Get{kind.noun}", max_age)
        request.name_or_id = thing
        stub = kind.stub(self._dice.choice(self._channels))
        response = await getattr(stub, f"Get{kind.noun}")(request)
        assert response.as_of.ToNanoseconds() / 1e9 >= oldest
        one = getattr(response, kind.singular)
        self._check(kind, [one], oldest)
        if thing in self._mine:
            assert getattr(one, kind.label) == self._mine[thing][1]

    def _read(self, kind: Kind, verb: str, max_age: float | None) -> tuple[Any, float]:
        """The request, and how old its answer may be, in seconds since the epoch."""
        request = kind.request(verb)
        if max_age is not None:
            request.max_age.FromMicroseconds(int(max_age * 1e6))
        return request, time.time() - (MAX_AGE if max_age is None else max_age) - JITTER

    def _check(self, kind: Kind, shown: list[Any], oldest: float) -> None:
        for one in shown:
            if one.id in self._stranger.labels:
                self._stranger.check(one, kind, oldest)


class Follower:
    """A watch of one resource, and what it leads to."""

    def __init__(self, cloud: Any, kind: Kind) -> None:
        self.mirror: oaktreemodel.Mirror[Any] = oaktreemodel.Mirror()
        self.kind = kind
        self.task = asyncio.create_task(self._follow(getattr(cloud, kind.collection)))

    async def _follow(self, collection: Any) -> None:
        async for event in collection.watch():
            assert event.kind != "failed"
            self.mirror.apply(event)

    async def agrees(self, cloud: Any) -> bool:
        there = {one.id: one async for one in getattr(cloud, self.kind.collection).list(max_age=0)}
        return not self.task.done() and {key.id: one for key, one in self.mirror.items()} == there


async def test_reads_keep_their_promises_and_watches_lead_to_what_there_is(
    running: Running, demo: DemoCloud, channels: list[grpc.aio.Channel]
) -> None:
    stranger = Stranger(demo)
    async with (
        oaktreemodel.aio.connect(running.address) as client,
        oaktreemodel.aio.connect(running.address) as other,
    ):
        clouds = [one.cloud("modern", region="east") for one in (client, other)]
        await stranger.begin(clouds[0])
        followers = [Follower(cloud, kind) for cloud in clouds for kind in KINDS]
        callers = [
            Caller(number, channels, clouds[number % 2], stranger) for number in range(CALLERS)
        ]
        await asyncio.gather(*(caller.run() for caller in callers))
        for follower in followers:
            for _ in range(400):
                if await follower.agrees(clouds[0]):
                    break
                await asyncio.sleep(0.05)
            assert await follower.agrees(clouds[0]), follower.kind.noun
            follower.task.cancel()
