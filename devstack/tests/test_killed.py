"""An oaktree that is killed at any point of a server's life: nothing is doubled once its caller has
tried again with another, and nothing is left once the server is deleted."""

from __future__ import annotations

import contextlib
import signal
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import oaktreemodel

from .conftest import SERVER, serving
from .itself import Itself, eventually

CLOUD = "devstack-other"
# How many points there are, and the seconds that they are spread over: a build with its floating
# IP, and a deletion, take about as long.
CREATES, CREATE_SECONDS = 12, 6.0
DELETES, DELETE_SECONDS = 8, 3.0
AT_ONCE = 4


@dataclass
class Life:
    """One server's: what it is called, and when the oaktrees are killed that make and delete it."""

    name: str
    killed_making: float
    killed_deleting: float | None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def make(self, servers: Any) -> Any:
        made = servers.create(name=self.name, request_id=self.request_id, timeout=180, **SERVER)
        return servers.wait(made.id, timeout=180)

    def delete(self, servers: Any, server_id: str) -> None:
        with contextlib.suppress(oaktreemodel.NotFound):
            servers.delete(server_id, timeout=180)
        servers.wait(server_id, until="deleted", timeout=180)


class Killed:
    """Oaktrees that are killed while they are at it."""

    def __init__(self, clouds_yaml: Path, logs: Path) -> None:
        self._clouds_yaml, self._logs = clouds_yaml, logs

    def at(self, seconds: float, work: Callable[[Any], object]) -> None:
        log = self._logs / uuid.uuid4().hex
        with ThreadPoolExecutor(1) as thread, contextlib.ExitStack() as after:
            with serving(self._clouds_yaml, log, signal.SIGKILL) as address:
                client = after.enter_context(oaktreemodel.connect(address))
                done: Future[object] = thread.submit(work, client.cloud(CLOUD).servers)
                with contextlib.suppress(TimeoutError):
                    done.result(seconds)
            # It did not try again for ever, or was quicker.
            after.close()
            with contextlib.suppress(oaktreemodel.OaktreeError):
                done.result(60)


def spread(count: int, seconds: float) -> list[float]:
    return [seconds * (number + 0.5) / count for number in range(count)]


def test_killed_at_many_points(
    clouds_yaml: Path, tmp_path: Path, other: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    cloud, killed = itself("other"), Killed(clouds_yaml, tmp_path)
    deletes: list[float | None] = [*spread(DELETES, DELETE_SECONDS)]
    deletes += [None] * (CREATES - DELETES)
    lives = [
        Life(f"{name}-{number}", making, deleting)
        for number, (making, deleting) in enumerate(
            zip(spread(CREATES, CREATE_SECONDS), deletes, strict=True)
        )
    ]

    def made(life: Life) -> Any:
        killed.at(life.killed_making, life.make)
        return life.make(other.servers)

    def deleted(life: Life, server_id: str) -> None:
        if life.killed_deleting is not None:
            killed.at(life.killed_deleting, lambda servers: life.delete(servers, server_id))
        life.delete(other.servers, server_id)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        servers = list(threads.map(made, lives))
        # One that was still being made when its oaktree was killed is found out a little later.
        eventually(lambda: named(cloud, name) == {life.name: 1 for life in lives})
        things: dict[tuple[str, str], str] = {}
        for server in servers:
            assert server.public_v4
            hanging = cloud.hangs_off(server.id)
            assert sorted(kind for kind, _ in hanging) == ["floating IP", "port", "server"]
            things |= hanging
        described = {f"oaktree server={server.id}" for server in servers}
        assert len(ours(cloud, described)) == len(servers)
        list(threads.map(deleted, lives, [server.id for server in servers]))
    eventually(lambda: not ours(cloud, described))
    assert not cloud.still(things)
    assert not named(cloud, name)


def named(cloud: Itself, prefix: str) -> Counter[str]:
    """How many servers there are of each name that begins so."""
    names = [str(server.name) for server in cloud.things("server")]
    return Counter(one for one in names if one.startswith(prefix))


def ours(cloud: Itself, described: set[str]) -> list[Any]:
    """The floating IPs of these descriptions."""
    return [one for one in cloud.things("floating IP") if one.description in described]
