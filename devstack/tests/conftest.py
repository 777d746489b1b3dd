"""A real `oaktree serve` before the real OpenStack that devstack/up started.

Others may use that OpenStack at the same time. So tests name what they make by `name`, and look at
nothing else of a project; only the projects tight and bare are taken to be theirs alone. What a
test leaves behind fails it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import oaktreemodel
import pytest
import yaml

from .calls import Calls
from .itself import Itself
from .moving import no_tickets

DEVSTACK = Path(__file__).resolve().parent.parent
# The projects by the fixtures that give them through oaktree, and their clouds in clouds.yaml.
PROJECTS = {
    "demo": "devstack",
    "other": "devstack-other",
    "tight": "devstack-tight",
    "bare": "devstack-bare",
    "admin": "devstack-admin",
    # Another user of the project demo, who may read.
    "reader": "devstack-reader",
}
# What a server is made of, where it does not matter.
SERVER: dict[str, Any] = {"image": "cirros", "flavor": "m1.tiny"}


@pytest.fixture(scope="session")
def clouds_yaml() -> Path:
    """Of the OpenStack that is up. Without one there is nothing to test: the run ends."""
    path = Path(os.environ.get("DEVSTACK_DIR", "/tmp/oaktree-devstack")) / "clouds.yaml"
    advice = "start one with `make devstack-up`, or name its folder in DEVSTACK_DIR"
    if not path.exists():
        pytest.exit(f"no OpenStack to test on: there is no {path}; {advice}", returncode=1)
    clouds = yaml.safe_load(path.read_text())["clouds"]
    identity = urlsplit(clouds["devstack"]["auth"]["auth_url"])
    try:
        socket.create_connection((identity.hostname, identity.port), 5).close()
    except OSError as error:
        pytest.exit(f"no OpenStack answers at {identity.netloc}: {error}; {advice}", returncode=1)
    return path


@pytest.fixture(scope="session", autouse=True)
def own_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where oaktree and its clients keep tokens and look for credentials: nothing of whoever runs
    the tests comes in."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("OAKTREE_")]:
            patch.delenv(name)
        for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name)))
        yield


@contextmanager
def running(log: Path, end: signal.Signals, *arguments: str | Path) -> Iterator[str]:
    """Where a real oaktree serves meanwhile."""
    command = Path(sys.executable).with_name("oaktree")
    with log.open("w") as output:
        process = subprocess.Popen(
            [command, "serve", *arguments, "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            env={key: value for key, value in os.environ.items() if not key.startswith("OS_")},
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        assert line.startswith("oaktree serves on "), log.read_text()
        yield line.split()[-1]
    finally:
        process.send_signal(end)
        process.communicate(timeout=60)
    faults = [line for line in log.read_text().splitlines() if " ERROR " in line]
    assert not faults, f"oaktree's own faults; {log} has their traces: {faults}"
    if end == signal.SIGTERM:
        assert process.returncode == 0, log.read_text()[-2000:]


@contextmanager
def serving(clouds_yaml: Path, log: Path, end: signal.Signals = signal.SIGTERM) -> Iterator[str]:
    """Where one's own oaktree serves every cloud of clouds.yaml meanwhile."""
    with running(log, end, "--clouds", clouds_yaml) as where:
        yield where


@contextmanager
def deployed(folder: Path, auth_url: str, **limits: int) -> Iterator[str]:
    """Where a deployer's oaktree serves meanwhile the cloud of that identity service to whoever
    brings a token; `limits` are those of oaktree.yaml."""
    path = folder / "oaktree.yaml"
    cloud = {"auth": {"auth_url": auth_url}, "region_name": "RegionOne"}
    path.write_text(yaml.safe_dump({"clouds": {"devstack": cloud}, "limits": limits}))
    with running(folder / "log", signal.SIGTERM, "--config", path) as where:
        yield where


@pytest.fixture(scope="session")
def address(clouds_yaml: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The oaktree of most tests."""
    with serving(clouds_yaml, tmp_path_factory.mktemp("oaktree") / "log") as where:
        yield where


@pytest.fixture(scope="session")
def calls() -> Calls:
    return Calls()


@pytest.fixture(scope="session")
def client(address: str, calls: Calls) -> Iterator[oaktreemodel.Client]:
    with calls.counted(), oaktreemodel.connect(address) as connected:
        yield connected


@pytest.fixture(scope="session")
def itself(clouds_yaml: Path) -> Callable[[str], Itself]:
    """The cloud itself, as one of PROJECTS sees it."""
    return cache(lambda project: Itself(clouds_yaml, PROJECTS[project]))


@pytest.fixture
def demo(client: oaktreemodel.Client) -> Any:
    """The project demo through oaktree, which others may be using."""
    return client.cloud("devstack")


@pytest.fixture
def other(client: oaktreemodel.Client) -> Any:
    """The project that most tests work in."""
    return client.cloud("devstack-other")


@pytest.fixture
def tight(client: oaktreemodel.Client) -> Any:
    """The project whose quotas are used up at once."""
    return client.cloud("devstack-tight")


@pytest.fixture
def bare(client: oaktreemodel.Client) -> Any:
    """The project that has no network but what a test lays out."""
    return client.cloud("devstack-bare")


@pytest.fixture
def name(request: pytest.FixtureRequest, itself: Callable[[str], Itself]) -> Iterator[str]:
    """The beginning of the names, and of floating IPs' descriptions, that a test gives. It must
    leave nothing so called in the projects whose fixtures it takes."""
    prefix = f"test-oaktree-{uuid.uuid4().hex[:8]}"
    yield prefix
    nothing_left(prefix, itself, *(one for one in PROJECTS if one in request.fixturenames))


@pytest.fixture(params=["by a ticket", "through oaktree"])
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    """How the bytes of a transfer go."""
    with no_tickets() if request.param == "through oaktree" else nullcontext():
        yield


@pytest.fixture
def container(other: Any, name: str) -> Iterator[str]:
    """One that is deleted with all that a test left in it, if it left no parts of uploads."""
    other.storage_containers.create(name=name)
    yield name
    other.storage_objects.delete_many(parent=name, everything=True)
    other.storage_containers.delete(name)


def nothing_left(prefix: str, itself: Callable[[str], Itself], *projects: str) -> None:
    left: dict[tuple[str, ...], str] = {}
    for project in projects:
        things = itself(project).called(prefix)
        itself(project).delete(things)
        left |= {(project, *key): called for key, called in things.items()}
    assert not left, f"left behind, and deleted now: {left}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at all that was called comes last."""
    items.sort(key=lambda item: "test_coverage" in item.nodeid)
