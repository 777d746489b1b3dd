"""An oaktree that is killed at any point of a server's life leaves nothing doubled, and nothing
behind once its caller has tried again."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import oaktreemodel
import pytest
import yaml
from oaktree.democloud import DemoCloud

from .conftest import Running, until
from .test_command import start

T = TypeVar("T")
# One process is killed under so many servers, each at a point of its own.
SERVERS = 25
# OAKTREE_KILLS=1000 for a long run.
KILLS = int(os.environ.get("OAKTREE_KILLS", "100"))
ROUNDS = -(-KILLS // SERVERS)
TABLES = ("servers", "ports", "floatingips")
# What the cloud was seen to hold of a server at the moment of a kill.
CREATING = ("nothing", "a server", "a server and a floating IP", "all, and no more to do")
DELETING = ("all", "a server on its way out", "a floating IP", "nothing")


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoCloud]:
    with DemoCloud.start(names=["modern"], build_seconds=0.4, delete_seconds=0.3) as clouds:
        yield clouds


@pytest.fixture(scope="module")
def clouds_yaml(demo: DemoCloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = demo.clouds_yaml()
    # Points in time, not turns in a queue.
    made["clouds"]["modern"]["rate"] = 0
    path = tmp_path_factory.mktemp("clouds") / "clouds.yaml"
    path.write_text(yaml.safe_dump(made))
    return path


class Killable:
    """An oaktree in a process of its own, with the modern cloud through it."""

    def __init__(self, clouds_yaml: Path) -> None:
        self._process, address = start("--clouds", clouds_yaml, "--cloud", "modern")
        self._client = oaktreemodel.connect(address)
        self.cloud: Any = self._client.cloud("modern", region="east")

    def kill(self) -> None:
        """And its client lets go of it, as one that has to wait for another would."""
        self._process.kill()
        self._process.communicate(timeout=30)
        self._client.close()

    def killed_under(
        self,
        works: Sequence[Callable[[], object]],
        span: float,
        shift: float,
        look: Callable[[], T],
    ) -> T:
        """Begins the works one after another over so many seconds, and kills it at the end: each
        is then at a point of its own. `shift` moves all of them, by a part of their distance. What
        there is to see just then."""
        step = span / len(works)
        begun = time.monotonic()

        def run(number: int) -> None:
            time.sleep(max(begun + (number + shift) * step - time.monotonic(), 0))
            with contextlib.suppress(oaktreemodel.OaktreeError):
                works[number]()

        with ThreadPoolExecutor(len(works)) as threads:
            running = [threads.submit(run, number) for number in range(len(works))]
            time.sleep(max(begun + span - time.monotonic(), 0))
            self.kill()
            seen = look()
        for one in running:
            one.result()
        return seen


@contextlib.contextmanager
def oaktree(clouds_yaml: Path) -> Iterator[Killable]:
    made = Killable(clouds_yaml)
    try:
        yield made
    finally:
        made.kill()


def held(demo: DemoCloud) -> dict[str, int]:
    return {table: len(demo.items("modern", "east", table)) for table in TABLES}


def creating(demo: DemoCloud, names: list[str]) -> list[str]:
    """How far each of these has come."""
    servers = {one["name"]: one for one in demo.items("modern", "east", "servers")}
    owners = {one["id"]: one["device_id"] for one in demo.items("modern", "east", "ports")}
    floating = {owners.get(one["port_id"]) for one in demo.items("modern", "east", "floatingips")}

    def of(server: dict[str, Any] | None) -> str:
        if server is None:
            return CREATING[0]
        if server["id"] not in floating:
            return CREATING[1]
        return CREATING[2 if "oaktree_auto_ip" in server["metadata"] else 3]

    return [of(servers.get(name)) for name in names]


def deleting(demo: DemoCloud, ids: list[str]) -> list[str]:
    servers = {one["id"]: one for one in demo.items("modern", "east", "servers")}
    described = {one["description"] for one in demo.items("modern", "east", "floatingips")}

    def of(identifier: str) -> str:
        if identifier in servers:
            return DELETING[1 if servers[identifier]["task_state"] == "deleting" else 0]
        return DELETING[2 if f"oaktree server={identifier}" in described else 3]

    return [of(identifier) for identifier in ids]


@pytest.fixture(scope="module")
def seen() -> dict[str, Counter[str]]:
    """Over all rounds."""
    return {"creating": Counter(), "deleting": Counter()}


@pytest.mark.parametrize("number", range(ROUNDS))
def test_killed_at_any_point(
    demo: DemoCloud, clouds_yaml: Path, seen: dict[str, Counter[str]], number: int
) -> None:
    before, shift = held(demo), (number + 0.5) / ROUNDS
    wanted = {f"n{number}-{one}": str(uuid.uuid4()) for one in range(SERVERS)}

    def create(cloud: Any, name: str) -> Any:
        made = cloud.servers.create(
            name=name, image="cirros", flavor="m1.tiny", request_id=wanted.get(name), timeout=60
        )
        return cloud.servers.wait(made.id, timeout=60)

    def delete(cloud: Any, identifier: str) -> None:
        with contextlib.suppress(oaktreemodel.NotFound):
            cloud.servers.delete(identifier, timeout=60)
        cloud.servers.wait(identifier, until="deleted", timeout=60)

    threads = ThreadPoolExecutor(SERVERS)
    with oaktree(clouds_yaml) as first:
        begun = time.monotonic()
        trial = create(first.cloud, "trial")
        create_seconds, begun = time.monotonic() - begun, time.monotonic()
        delete(first.cloud, trial.id)
        delete_seconds = time.monotonic() - begun
        works = [partial(create, first.cloud, name) for name in wanted]
        at_kill = first.killed_under(
            works, create_seconds * 2, shift, lambda: creating(demo, list(wanted))
        )
    seen["creating"].update(at_kill)

    with oaktree(clouds_yaml) as second:
        servers = list(threads.map(partial(create, second.cloud), wanted))
        assert all(server.public_v4 for server in servers)
        now = {
            "servers": before["servers"] + SERVERS,
            "ports": before["ports"] + SERVERS,
            "floatingips": before["floatingips"] + SERVERS,
        }
        until(lambda: held(demo) == now)
        ids = [server.id for server in servers]
        works = [partial(delete, second.cloud, one) for one in ids]
        at_kill = second.killed_under(works, delete_seconds * 2, shift, lambda: deleting(demo, ids))
    seen["deleting"].update(at_kill)

    with oaktree(clouds_yaml) as third:
        list(threads.map(partial(delete, third.cloud), ids))
        until(lambda: held(demo) == before)
    threads.shutdown()


def test_it_was_killed_at_all_stages(seen: dict[str, Counter[str]]) -> None:
    assert seen["creating"].total() == seen["deleting"].total() == ROUNDS * SERVERS >= 100
    assert set(seen["creating"]) == set(CREATING)
    assert set(seen["deleting"]) == set(DELETING)


def test_the_claims_of_the_killed_go_after_ten_minutes(demo: DemoCloud, clouds_yaml: Path) -> None:
    hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()

    def claims() -> list[str]:
        pairs = demo.items("modern", "east", "keypairs")
        return [pair["id"] for pair in pairs if pair["name"].startswith("oaktree-")]

    for identifier in claims():
        demo.alter("modern", "east", "keypairs", identifier, created_at=hour_ago)
    server = Running(clouds_yaml)
    with oaktreemodel.connect(server.address) as client:
        client.cloud("modern", region="east").volumes.create(name="any", size_gib=1)
        until(lambda: not claims())
    server.stop()
