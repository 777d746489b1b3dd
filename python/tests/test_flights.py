"""Many callers want a token at once: one exchange serves them all, and nobody spoils it."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import oaktreemodel
import oaktreemodel.aio
import pytest
from conftest import CREDENTIAL
from fake import BOUND, Oaktree, status
from oaktreemodel import _tokens, v1
from oaktreemodel._tokens import Exchange

MANY = 64
UNKNOWN = status(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_REFUSED")


class Gate:
    """An oaktree that exchanges credentials only when the gate is opened."""

    def __init__(self, oaktree: Oaktree, monkeypatch: pytest.MonkeyPatch) -> None:
        self.oaktree = oaktree
        self.open = threading.Event()
        self._waiting = threading.Semaphore(0)
        oaktree.exchange()
        (self._create,) = oaktree.answers["CreateToken"]
        oaktree.answer("CreateToken", self._answer)
        oaktree.answer("GetServer", v1.GetServerResponse(server=v1.Server(id="1")))
        meanwhile = Exchange.meanwhile

        def count(*args: Any) -> Any:
            self._waiting.release()
            return meanwhile(*args)

        # The last thing that a caller does before it waits.
        monkeypatch.setattr(Exchange, "meanwhile", count)

    def _answer(self, request: Any, context: Any) -> Any:
        assert self.open.wait(BOUND)
        assert callable(self._create)
        return self._create(request, context)

    def refuse(self) -> None:
        """Exchange nothing, from now on."""
        self._create = lambda request, context: UNKNOWN

    def await_callers(self, count: int) -> None:
        """Wait until so many more callers want a token."""
        for _ in range(count):
            assert self._waiting.acquire(timeout=BOUND)


@pytest.fixture
def gate(oaktree: Oaktree, monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(oaktree, monkeypatch)


def with_threads(gate: Gate, meanwhile: Callable[[], None] = lambda: None) -> list[Any]:
    """What many threads get of one client, which all wait for its first token."""
    with (
        oaktreemodel.connect(gate.oaktree.address, **CREDENTIAL) as client,
        ThreadPoolExecutor(MANY) as pool,
    ):
        calls = [pool.submit(client.servers.get, "web", timeout=BOUND) for _ in range(MANY)]
        gate.await_callers(MANY)
        meanwhile()
        gate.open.set()
        return [call.exception(BOUND) or call.result() for call in calls]


def with_tasks(gate: Gate, meanwhile: Callable[[], None] = lambda: None) -> list[Any]:
    """As `with_threads`."""

    async def run() -> list[Any]:
        async with oaktreemodel.aio.connect(gate.oaktree.address, **CREDENTIAL) as client:
            calls = [
                asyncio.create_task(client.servers.get("web", timeout=BOUND)) for _ in range(MANY)
            ]
            await asyncio.to_thread(gate.await_callers, MANY)
            meanwhile()
            gate.open.set()
            return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(run())


@pytest.mark.parametrize("run", [with_threads, with_tasks])
def test_one_exchange_serves_all(gate: Gate, run: Callable[..., list[Any]]) -> None:
    assert [server.id for server in run(gate)] == ["1"] * MANY
    assert gate.oaktree.exchanges == 1
    assert {call.token for call in gate.oaktree.calls["GetServer"]} == {"token-1"}


@pytest.mark.parametrize("run", [with_threads, with_tasks])
def test_one_refusal_is_raised_to_all(gate: Gate, run: Callable[..., list[Any]]) -> None:
    errors = run(gate, gate.refuse)
    assert {error.reason for error in errors} == {"CREDENTIALS_REFUSED"}
    # Each its own, for each has its own traceback.
    assert len({id(error) for error in errors}) == MANY
    assert gate.oaktree.exchanges == 1


@pytest.mark.parametrize("run", [with_threads, with_tasks])
def test_one_renewal_serves_all(gate: Gate, run: Callable[..., list[Any]]) -> None:
    turns, together = itertools.count(), threading.Barrier(MANY // 4)

    def get(request: Any, context: grpc.ServicerContext) -> Any:
        if dict(context.invocation_metadata())["authorization"] == "Bearer token-1":
            # Nobody is told that his token is refused before many have sent it.
            if next(turns) < together.parties:
                together.wait(BOUND)
            return status(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
        return v1.GetServerResponse(server=v1.Server(id="1"))

    gate.oaktree.answer("GetServer", get)
    assert [server.id for server in run(gate)] == ["1"] * MANY
    assert gate.oaktree.exchanges == 2


def test_who_has_less_time_leaves_the_others_alone(gate: Gate) -> None:
    with (
        oaktreemodel.connect(gate.oaktree.address, **CREDENTIAL) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        with pytest.raises(oaktreemodel.DeadlineExceeded):
            client.servers.get("web", timeout=0.1)
        patient = pool.submit(client.servers.get, "web", timeout=BOUND)
        gate.await_callers(2)
        gate.open.set()
        assert patient.result(BOUND).id == "1"
    assert gate.oaktree.exchanges == 1


def test_who_is_cancelled_leaves_the_others_alone(gate: Gate) -> None:
    async def run() -> None:
        async with oaktreemodel.aio.connect(gate.oaktree.address, **CREDENTIAL) as client:
            first = asyncio.create_task(client.servers.get("web", timeout=BOUND))
            await asyncio.to_thread(gate.await_callers, 1)
            second = asyncio.create_task(client.servers.get("web", timeout=BOUND))
            await asyncio.to_thread(gate.await_callers, 1)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            gate.open.set()
            assert (await second).id == "1"

    asyncio.run(run())
    assert gate.oaktree.exchanges == 1


def test_a_renewal_that_fails_unseen_is_no_complaint(
    oaktree: Oaktree, monkeypatch: pytest.MonkeyPatch
) -> None:
    oaktree.exchange(3600)
    oaktree.answer("CreateToken", *oaktree.answers["CreateToken"], UNKNOWN)
    oaktree.answer("GetServer", v1.GetServerResponse())
    complaints: list[Any] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        before = asyncio.all_tasks()
        async with oaktreemodel.aio.connect(oaktree.address, **CREDENTIAL) as client:
            await client.servers.get("web")
            late = time.monotonic() + 3590
            monkeypatch.setattr(_tokens, "monotonic", lambda: late)
            # It goes out with the old one, while the next one is asked for.
            await client.servers.get("web")
            if flights := asyncio.all_tasks() - before:
                await asyncio.wait(flights, timeout=BOUND)
        # asyncio complains when the last that knew of an error is gone.
        del client, flights
        gc.collect()

    asyncio.run(run())
    assert oaktree.exchanges == 2
    assert complaints == []
