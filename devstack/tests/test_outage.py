"""A service that stops in the middle and starts again, and an oaktree that goes on."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest
from oaktreemodel import State

from .conftest import DEVSTACK, PROJECTS, SERVER, serving
from .itself import Itself, eventually


def service(verb: str, process: str) -> None:
    subprocess.run([DEVSTACK / "service", verb, process], check=True, timeout=120)


@contextmanager
def stopped(process: str) -> Iterator[None]:
    """One of the cloud's processes is away."""
    service("stop", process)
    try:
        yield
    finally:
        service("start", process)


def away(call: Callable[[], Any], name: str) -> None:
    """A call is told that the service cannot be reached, and where."""
    with pytest.raises(oaktreemodel.OaktreeError) as caught:
        call()
    error = caught.value
    if isinstance(error, oaktreemodel.PartialFailure):
        [error] = error.failures
    assert isinstance(error, oaktreemodel.Unavailable)
    assert error.reason == "CLOUD_UNREACHABLE"
    assert (error.cloud, error.region) == ("devstack-other", "RegionOne")
    assert error.metadata["service"] == name


@pytest.mark.parametrize(
    ("process", "told", "collection", "given"),
    [
        ("cinder-api", "block_storage", "volumes", {"size_gib": 1}),
        ("glance", "image", "images", {"disk_format": "raw", "container_format": "bare"}),
    ],
)
def test_a_service_that_is_away_for_a_while(
    client: oaktreemodel.Client,
    other: Any,
    name: str,
    itself: Callable[[str], Itself],
    process: str,
    told: str,
    collection: str,
    given: dict[str, Any],
) -> None:
    things = getattr(other, collection)
    thing = things.create(name=name, **given)
    if collection == "volumes":
        things.wait(thing.id, timeout=60)
    seen: list[Any] = []
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(
            things.wait, thing.id, until="deleted", on_state=seen.append, timeout=60
        )
        eventually(lambda: seen)
        with stopped(process):
            away(lambda: things.get(thing.id, max_age=0), told)
            away(lambda: list(things.list(max_age=0)), told)
            away(lambda: things.create(name=f"{name}-2", timeout=20, **given), told)
            # The cloud's other services go on, and so does the wait.
            assert other.flavors.get("m1.tiny", max_age=0)
            other.networks.create(name=name)
            other.networks.delete(name)
            assert not waiting.done()
        # The same oaktree finds it again.
        assert things.get(name, max_age=0).id == thing.id
        things.delete(name)
        assert waiting.result(90).state == State.STATE_DELETED
    assert not itself("other").called(name)


def test_a_list_of_all_clouds_tells_which_lack_a_service(
    client: oaktreemodel.Client, other: Any
) -> None:
    failures: list[oaktreemodel.OaktreeError] = []
    with stopped("cinder-api"):
        assert not list(client.volumes.list(max_age=0, on_failure=failures.append))
        assert list(other.images.list(max_age=0))
    unreachable = {f.cloud for f in failures if f.reason == "CLOUD_UNREACHABLE"}
    assert set(PROJECTS.values()) < unreachable
    assert "devstack-badpassword" not in unreachable


def test_a_watch_of_a_service_that_is_away_for_a_while(other: Any, name: str) -> None:
    volume = other.volumes.create(name=name, size_gib=1)
    other.volumes.wait(name, timeout=60)
    events = other.volumes.watch(where={"name": name}, timeout=180)
    assert [next(events).kind for _ in range(3)] == ["reset", "present", "synced"]
    with stopped("cinder-api"):
        lost = next(events)
        assert (lost.kind, lost.location.cloud) == ("failed", "devstack-other")
        assert lost.failure.reason == "CLOUD_UNREACHABLE"
    again = next(event for event in events if event.kind != "failed")
    assert again.kind == "reset"
    assert [next(events).kind for _ in range(2)] == ["present", "synced"]
    other.volumes.delete(name)
    told = next(event for event in events if event.kind == "removed")
    assert (told.id, told.deleted) == (volume.id, True)
    events.close()


def test_a_build_that_stops_in_the_middle(
    other: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    """Nobody says where to build it until nova-scheduler is back; who waits sees it through."""
    # Not nova-compute, which shows such a server as failed for a moment when it starts, and not
    # nova-conductor, without which Nova takes its one host for dead.
    seen: list[Any] = []
    with ThreadPoolExecutor(1) as thread:
        with stopped("nova-scheduler"):
            server = other.servers.create(name=name, **SERVER)
            waiting = thread.submit(
                other.servers.wait, server.id, on_state=seen.append, timeout=180
            )
            eventually(lambda: seen)
            assert not waiting.done()
        server = waiting.result(200)
    assert (seen[0].status, server.status) == ("BUILD", "ACTIVE")
    assert server.public_v4
    other.servers.delete(server.id)
    other.servers.wait(server.id, until="deleted", timeout=120)
    assert not itself("other").called(name)


def test_an_oaktree_that_is_killed_forgets_no_floating_ip(
    clouds_yaml: Path, tmp_path: Path, other: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    """What one oaktree promised the next one keeps, and clears away."""
    log = tmp_path / "log"
    with (
        serving(clouds_yaml, log, signal.SIGKILL) as address,
        oaktreemodel.connect(address) as client,
    ):
        server = client.cloud("devstack-other").servers.create(name=name, **SERVER)
    server = other.servers.wait(server.id, timeout=120)
    assert server.public_v4
    things = itself("other").hangs_off(server.id)
    assert sorted(kind for kind, _ in things) == ["floating IP", "port", "server"]
    with (
        serving(clouds_yaml, log, signal.SIGKILL) as address,
        oaktreemodel.connect(address) as client,
    ):
        client.cloud("devstack-other").servers.delete(server.id)
    other.servers.wait(server.id, until="deleted", timeout=120)
    assert not itself("other").still(things)
