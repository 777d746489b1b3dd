"""A fake server, and both clients behind one face, so that every test tries both."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import oaktreemodel
import oaktreemodel.aio
import pytest
from fake import Oaktree
from folders import FILES, laid_out
from oaktreemodel import v1
from store import Container, Web

Connect = Callable[..., Any]
# A credential; its secret may show up nowhere but in the exchange.
SECRET = "c4nary-secret"
CREDENTIAL: dict[str, Any] = {"client_id": "id", "client_secret": SECRET}


@pytest.fixture(autouse=True)
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's own folder with nothing in it: no test may find the credentials of who runs it."""
    folder = tmp_path / "home"
    # What installs packages needs the real one, and what they are kept in there.
    if request.node.get_closest_marker("packaging"):
        return folder
    for name in [one for one in os.environ if one.startswith(("OAKTREE_", "XDG_"))]:
        monkeypatch.delenv(name)
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def oaktree() -> Iterator[Oaktree]:
    """A fake server."""
    server = Oaktree()
    yield server
    server.stop()


class Blocking:
    """Something of the asyncio client, called as if it were of the other one."""

    def __init__(self, target: Any, runner: asyncio.Runner) -> None:
        self._target = target
        self._runner = runner

    @property
    def target(self) -> Any:
        """What it stands for."""
        return self._target

    def do(self, work: Any) -> Any:
        """What a coroutine returns."""
        return self._runner.run(work)

    def __getattr__(self, name: str) -> Any:
        return self._wrap(getattr(self._target, name))

    def _wrap(self, value: Any) -> Any:
        if inspect.isasyncgen(value):
            return self._iterate(value)
        if inspect.iscoroutine(value):
            return self._runner.run(value)
        if inspect.ismethod(value):
            return lambda *args, **kwargs: self._wrap(self._call(value, args, kwargs))
        module = type(value).__module__
        is_ours = module.startswith("oaktreemodel.") and not module.endswith("_pb2")
        return Blocking(value, self._runner) if is_ours else value

    def _call(self, method: Any, args: Any, kwargs: Any) -> Any:
        async def call() -> Any:
            value = method(*args, **kwargs)
            return await value if inspect.iscoroutine(value) else value

        return self._runner.run(call())

    def _iterate(self, generator: Any) -> Iterator[Any]:
        async def step() -> Any:
            return await anext(generator)

        async def close() -> None:
            await generator.aclose()

        try:
            while True:
                try:
                    item = self._runner.run(step())
                except StopAsyncIteration:
                    return
                yield item
        finally:
            self._runner.run(close())


@pytest.fixture(params=["sync", "aio"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """`connect` of either client; what it makes is closed at the end."""
    clients: list[Any] = []
    with asyncio.Runner() as runner:

        def make(*args: Any, **kwargs: Any) -> Any:
            if request.param == "sync":
                clients.append(oaktreemodel.connect(*args, **kwargs))
            else:

                async def open_() -> oaktreemodel.aio.Client:
                    return oaktreemodel.aio.connect(*args, **kwargs)

                clients.append(Blocking(runner.run(open_()), runner))
            return clients[-1]

        yield make
        for client in clients:
            client.close()


@pytest.fixture
def client(connect: Connect, oaktree: Oaktree) -> Any:
    """Either client, connected to the fake server."""
    return connect(oaktree.address)


@pytest.fixture
def exchanging(oaktree: Oaktree) -> Oaktree:
    """A fake server that exchanges credentials for tokens, and wants to see one."""
    oaktree.exchange()
    oaktree.answer("GetServer", v1.GetServerResponse(server=v1.Server(id="1")))
    return oaktree


@pytest.fixture
def known(connect: Connect, exchanging: Oaktree) -> Any:
    """Either client, with a credential."""
    return connect(exchanging.address, **CREDENTIAL)


class Directories:
    """The functions of either client that move whole directories."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        if isinstance(self._client, Blocking):
            call = getattr(oaktreemodel.aio, name)
            return lambda scope, *args, **kwargs: self._client.do(
                call(scope.target, *args, **kwargs)
            )
        return getattr(oaktreemodel, name)


@pytest.fixture
def directories(client: Any) -> Directories:
    """The functions of the very client that `client` is."""
    return Directories(client)


@pytest.fixture
def container(oaktree: Oaktree) -> Container:
    return Container(oaktree)


@pytest.fixture(params=["signed", "streamed"])
def stored(request: pytest.FixtureRequest, container: Container) -> Iterator[Container]:
    """A container with tickets, and one without."""
    if request.param == "streamed":
        yield container
        return
    container.web = Web(container)
    yield container
    container.web.stop()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return laid_out(tmp_path / "source", FILES)
