"""A real oaktree before the embedded clouds, over real HTTP and a real gRPC channel."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import oaktreemodel
import pytest
import yaml
from oaktree.caller import Caller
from oaktree.cli import configuration
from oaktree.clouds import configured
from oaktree.democloud import DemoCloud
from oaktree.gate import Open
from oaktree.server import Oaktree

from .secrets_plugin import Secrets

T = TypeVar("T")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Secrets(), "secrets")


class Running:
    """An oaktree in a thread of its own, so that tests can be as synchronous as users are."""

    caller: Caller

    def __init__(
        self, path: Path, names: tuple[str, ...] = (), address: str = "127.0.0.1:0"
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.oaktree, self.address = self.do(self._start(path, names, address))

    async def _start(self, path: Path, names: tuple[str, ...], address: str) -> tuple[Oaktree, str]:
        gate = Open(configured(configuration(str(path)), names))
        (self.caller,) = gate.callers()
        oaktree = Oaktree(gate)
        return oaktree, await oaktree.start(address)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def stop(self, seconds: float = 2.0) -> None:
        if self._loop.is_running():
            self.do(self.oaktree.stop(seconds))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)


def until(true: Callable[[], bool]) -> None:
    """Waits for something to become true."""
    for _ in range(400):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


@pytest.fixture(scope="session", autouse=True)
def _runtime_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tokens of oaktrees under test are not among those of the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        yield


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoCloud]:
    """The three embedded clouds, shared by a module's tests."""
    with DemoCloud.start(build_seconds=0.2) as clouds:
        yield clouds


@pytest.fixture(scope="module")
def clouds_yaml(demo: DemoCloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clouds") / "clouds.yaml"
    demo.write_clouds_yaml(str(path), extras=True)
    return path


@pytest.fixture(scope="module")
def unlimited_yaml(demo: DemoCloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three clouds without a rate of oaktree's own, for tests that ask a lot."""
    entries = demo.clouds_yaml()
    for entry in entries["clouds"].values():
        entry["rate"] = 0
    path = tmp_path_factory.mktemp("unlimited") / "clouds.yaml"
    path.write_text(yaml.safe_dump(entries))
    return path


@pytest.fixture(scope="module")
def running(clouds_yaml: Path) -> Iterator[Running]:
    """An oaktree that serves the three clouds and no other user's view of them."""
    server = Running(clouds_yaml, ("modern", "direct", "kilo"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(running: Running) -> Iterator[oaktreemodel.Client]:
    with oaktreemodel.connect(running.address) as connected:
        yield connected


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test meets another's faults or counts."""
    yield
    if "demo" in request.fixturenames:
        demo = request.getfixturevalue("demo")
        demo.clear_faults()
