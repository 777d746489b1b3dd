"""What one more caller of a deployer's oaktree costs, beside a Connection of openstacksdk's with
the same token; and what a call pays for the token that it shows.

The Connections are in a process of their own: python -m bench.callers AUTH_URL WHAT.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import openstack
import requests
import uvloop
import yaml
from oaktree import tokenfile
from oaktree.models import message_class
from oaktreemodel.v1 import server_pb2

from bench.cached import AGE, EAST, GET_SERVER, LIST_SERVERS, ROUNDS, Side, rate
from bench.connecting import CLOUDS, WARM, first_requests
from bench.http2 import answer, connect
from bench.processes import PYTHON, Process, admin, cheap_cloud, oaktree, running, serving
from bench.result import Result

SERVERS = 100
NOUNS = {"flavors": "Flavor", "servers": "Server"}


def measure() -> Iterator[Result]:
    with cheap_cloud() as (_, path):
        for number in range(WARM + CLOUDS):
            user = {"name": f"user-{number}", "roles": {f"project-{number}": "member"}}
            admin(path, "POST", "users", user)
        for what in NOUNS:
            yield from _one_more(path, what)
    with cheap_cloud("--servers", str(SERVERS)) as (_, path), ExitStack() as stack:
        without = stack.enter_context(oaktree(path))
        own = stack.enter_context(serving("--clouds", str(path)))
        deployed = stack.enter_context(_deployed(path))
        for whose, served, token, goal in (
            ("the token of one's own oaktree", own, _own_token(own[1]), 1.15),
            ("a token of the cloud's", deployed, _token(path, "demo", "demo"), 1.3),
        ):
            pairs = uvloop.run(_compare((*served, token), (*without, "")))
            name = f"processor time of a cached Get with {whose}; peer: --no-auth"
            yield Result.paired(name, pairs, "µs", goal=goal, at_most=True)


@contextmanager
def _deployed(path: Path) -> Iterator[tuple[Process, str]]:
    """An oaktree for others than its owner, and its address."""
    entry = {**_entry(path), "auth": {"auth_url": _entry(path)["auth"]["auth_url"]}}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "oaktree.yaml"
        config.write_text(yaml.safe_dump({"clouds": {"modern": entry}}))
        with serving("--config", str(config)) as served:
            yield served


def _entry(path: Path) -> dict[str, Any]:
    entry: dict[str, Any] = yaml.safe_load(path.read_text())["clouds"]["modern"]
    return entry


def _token(path: Path, user: str, project: str) -> str:
    auth = _entry(path)["auth"]
    domain = {"id": auth["user_domain_id"]}
    known = {"name": user, "domain": domain, "password": auth["password"]}
    asked = {
        "identity": {"methods": ["password"], "password": {"user": known}},
        "scope": {"project": {"name": project, "domain": domain}},
    }
    answered = requests.post(f"{auth['auth_url']}/auth/tokens", json={"auth": asked}, timeout=60)
    answered.raise_for_status()
    return answered.headers["X-Subject-Token"]


def _own_token(address: str) -> str:
    return (tokenfile.folder() / tokenfile.name_of(address)).read_text().strip()


# One more caller.


def _one_more(path: Path, what: str) -> Iterator[Result]:
    def tokens() -> list[str]:
        return [_token(path, f"user-{n}", f"project-{n}") for n in range(WARM + CLOUDS)]

    with _deployed(path) as (process, address), grpc.insecure_channel(address) as channel:
        ours = _asked(path, process, _through_oaktree(channel, what, tokens()))
    command = [*PYTHON, "bench.callers", _entry(path)["auth"]["auth_url"], what]
    with running(command, "ready") as process:
        told = [f"{token} project-{number}" for number, token in enumerate(tokens())]
        peer = _asked(path, process, lambda number: process.say(told[number]))
    for cost, unit, mine, other in zip(
        ("memory", "time", "requests to the cloud"), ("KiB", "ms", ""), ours, peer, strict=True
    ):
        name = f"one more caller, {what} as the first request: {cost}"
        yield Result(name, mine, unit, peer=other, goal=1.5, at_most=True)


def _asked(
    path: Path, process: Process, ask: Callable[[int], object]
) -> tuple[float, float, float]:
    """KiB, milliseconds and requests to the cloud for each caller's first request."""
    admin(path, "DELETE", "calls")
    memory, took = first_requests(process, ask)
    sent = sum(admin(path, "GET", "calls")["kinds"].values())
    return memory, took, sent / (WARM + CLOUDS)


def _through_oaktree(
    channel: grpc.Channel, what: str, tokens: list[str]
) -> Callable[[int], object]:
    noun = NOUNS[what]
    make: Any = message_class(f"List{noun}sRequest")
    request = make(location=EAST).SerializeToString()
    stub: Any = channel.unary_stream(f"/oaktreemodel.v1.{noun}Service/List{noun}s")
    return lambda number: list(
        stub(request, metadata=[("authorization", f"Bearer {tokens[number]}")])
    )


def _connect(auth_url: str, what: str) -> None:
    """Connects with every token that a line brings, and stays connected."""
    connections = []
    print("ready", flush=True)
    for line in sys.stdin:
        token, project = line.split()
        connections.append(
            openstack.connection.Connection(
                auth_type="v3token",
                auth={
                    "auth_url": auth_url,
                    "token": token,
                    "project_name": project,
                    "project_domain_id": "default",
                },
                region_name="east",
            )
        )
        print(len(list(getattr(connections[-1].compute, what)())), flush=True)


# What a token costs.


# A server, where it is, and the token that it is shown.
Served: TypeAlias = tuple[Process, str, str]


async def _compare(ours: Served, peer: Served) -> list[tuple[float, float]]:
    """Microseconds of the servers' processors for each Get, in turns. Not Gets a second: what else
    runs on the machine would differ more than these."""
    sides = [(process, await _side(address, token)) for process, address, token in (ours, peer)]
    found = []
    for number in range(ROUNDS + 1):
        # Who goes first changes.
        turns = (0, 1) if number % 2 else (1, 0)
        measured = {turn: await _microseconds(*sides[turn]) for turn in turns}
        # The first round warms up.
        if number:
            found.append((measured[0], measured[1]))
    return found


async def _microseconds(process: Process, side: Side) -> float:
    used, began = process.cpu_seconds(), time.perf_counter()
    done = await rate(side) * (time.perf_counter() - began)
    return (process.cpu_seconds() - used) / done * 1e6


async def _side(address: str, token: str = "") -> Side:
    connection = await connect(address, {"authorization": f"Bearer {token}"} if token else {})
    wanted = server_pb2.ListServersRequest(location=EAST, max_age=AGE)
    # What is listed is kept.
    (batch, *_) = await answer(connection, LIST_SERVERS, wanted)
    server = server_pb2.ListServersResponse.FromString(batch).servers[0]
    one = server_pb2.GetServerRequest(location=EAST, name_or_id=server.id, max_age=AGE)
    return Side(connection, GET_SERVER, LIST_SERVERS, one.SerializeToString(), b"", 0)


if __name__ == "__main__":
    _connect(*sys.argv[1:])
