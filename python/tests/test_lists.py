"""Lists and waits: what a loop sees, and what the server sees of a loop."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import fake
import grpc
import oaktreemodel
import oaktreemodel.aio
import pytest
from fake import Oaktree, failure, servers, status
from oaktreemodel import v1

UNREACHABLE = status(grpc.StatusCode.UNAVAILABLE, "CLOUD_UNREACHABLE", message="no answer")
ABSENT = status(grpc.StatusCode.UNIMPLEMENTED, "SERVICE_ABSENT")


def names(items: Any) -> list[str]:
    return [item.name for item in items]


def test_batches_are_flattened(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", [servers("a", "b"), servers(), servers("c")])
    assert names(client.servers.list()) == ["a", "b", "c"]


def test_client_lists_everywhere_and_a_cloud_in_one(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", [servers("a")])
    assert names(client.servers.list()) == ["a"]
    assert names(client.cloud("one", region="r").servers.list()) == ["a"]
    everywhere, one = (call.request for call in oaktree.calls["ListServers"])
    assert not everywhere.HasField("location")
    assert one.location == v1.Location(cloud="one", region="r")


def test_list_has_no_deadline_unless_given(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", [servers("a")])
    assert names(client.servers.list()) == ["a"]
    assert oaktree.only_call("ListServers").time_remaining is None


def test_deadline_of_a_list(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", fake.endless(servers("a", "b", "c")))
    items = client.servers.list(timeout=0.5)
    assert names([next(items), next(items), next(items)]) == ["a", "b", "c"]
    with pytest.raises(oaktreemodel.DeadlineExceeded):
        next(items)


def test_list_that_breaks_off_raises_after_what_came(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", [servers("a"), status(grpc.StatusCode.UNAVAILABLE)])
    items = client.servers.list()
    assert next(items).name == "a"
    with pytest.raises(oaktreemodel.Unavailable):
        next(items)
    assert len(oaktree.calls["ListServers"]) == 1


def test_server_that_dies_in_the_middle_raises(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", fake.endless(servers("a", "b", "c")))
    items = client.servers.list()
    assert names([next(items), next(items), next(items)]) == ["a", "b", "c"]
    oaktree.server.stop(0)
    with pytest.raises(oaktreemodel.OaktreeError) as caught:
        next(items)
    assert isinstance(caught.value, oaktreemodel.Unavailable | oaktreemodel.Cancelled)


def test_failures_are_raised_after_the_last_item(client: Any, oaktree: Oaktree) -> None:
    first = servers("a")
    first.failures.append(failure("down", UNREACHABLE))
    oaktree.answer("ListServers", [first, servers("b")])
    items = client.servers.list()
    assert names([next(items), next(items)]) == ["a", "b"]
    with pytest.raises(oaktreemodel.PartialFailure) as caught:
        next(items)
    (error,) = caught.value.failures
    assert isinstance(error, oaktreemodel.Unavailable)
    assert (error.cloud, error.reason) == ("down", "CLOUD_UNREACHABLE")
    said = str(caught.value)
    assert said.startswith("1 of the places (or changes) asked for failed, what the others told")
    assert "with on_failure= each" in said
    assert said.endswith(": no answer (CLOUD_UNREACHABLE, in down)")


def test_failures_go_to_the_callback_instead(client: Any, oaktree: Oaktree) -> None:
    batch = servers("a")
    batch.failures.extend([failure("down", UNREACHABLE), failure("bare", ABSENT)])
    oaktree.answer("ListServers", [batch])
    told: list[oaktreemodel.OaktreeError] = []
    assert names(client.servers.list(on_failure=told.append)) == ["a"]
    assert [one.cloud for one in told] == ["down"]


def test_a_service_that_is_absent_is_no_failure(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", [v1.ListServersResponse(failures=[failure("bare", ABSENT)])])
    assert names(client.servers.list()) == []


def test_wait_returns_the_last_state(client: Any, oaktree: Oaktree) -> None:
    states = [v1.State.STATE_PENDING, v1.State.STATE_CHANGING, v1.State.STATE_READY]
    answers = [v1.WaitServerResponse(server=v1.Server(id="1", state=one)) for one in states]
    oaktree.answer("WaitServer", answers)
    seen: list[v1.Server] = []
    server = client.servers.wait("1", on_state=seen.append)
    assert server.state == v1.State.STATE_READY
    assert [one.state for one in seen] == states
    assert oaktree.only_call("WaitServer").request == v1.WaitServerRequest(name_or_id="1")


@pytest.mark.parametrize("until", ["deleted", "STATE_DELETED", v1.State.STATE_DELETED])
def test_wait_for_another_state(client: Any, oaktree: Oaktree, until: Any) -> None:
    gone = v1.Server(id="1", state=v1.State.STATE_DELETED)
    oaktree.answer("WaitServer", [v1.WaitServerResponse(server=gone)])
    assert client.servers.wait("1", until=until) == gone
    assert oaktree.only_call("WaitServer").request.until == v1.State.STATE_DELETED


def test_wait_for_what_fails(client: Any, oaktree: Oaktree) -> None:
    fault = status(grpc.StatusCode.FAILED_PRECONDITION, "RESOURCE_FAILED", message="no valid host")
    pending = v1.WaitServerResponse(server=v1.Server(state=v1.State.STATE_PENDING))
    oaktree.answer("WaitServer", [pending, fault])
    with pytest.raises(oaktreemodel.Failed, match="no valid host") as caught:
        client.servers.wait("1")
    assert caught.value.reason == "RESOURCE_FAILED"


def test_wait_without_a_state_is_a_fault(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("WaitServer", [])
    with pytest.raises(oaktreemodel.Internal):
        client.servers.wait("1")


def test_leaving_a_loop_cancels_the_call(oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", fake.endless(servers("a", "b", "c")))
    with oaktreemodel.connect(oaktree.address) as client:
        for item in client.servers.list():
            assert item.name == "a"
            break
        assert oaktree.only_call("ListServers").over.wait(fake.BOUND)


def test_dropping_a_generator_cancels_the_call(oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", fake.endless(servers("a", "b", "c")))
    with oaktreemodel.connect(oaktree.address) as client:
        items = client.servers.list()
        assert next(items).name == "a"
        del items
        gc.collect()
        assert oaktree.only_call("ListServers").over.wait(fake.BOUND)


@pytest.fixture
def no_gc() -> Iterator[None]:
    """Things go when nothing holds them, or not at all."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_gc")
def test_an_error_is_in_no_cycle_with_its_traceback(oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", [status(grpc.StatusCode.NOT_FOUND)])
    with oaktreemodel.connect(oaktree.address) as client:
        try:
            next(client.servers.list())
        except oaktreemodel.NotFound as error:
            held = weakref.ref(error)
        assert held() is None


@pytest.mark.usefixtures("no_gc")
def test_an_error_of_asyncio_is_in_no_cycle_either(oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", [status(grpc.StatusCode.NOT_FOUND)])

    async def fail() -> None:
        async with oaktreemodel.aio.connect(oaktree.address) as client:
            try:
                await anext(client.servers.list())
            except oaktreemodel.NotFound as error:
                held = weakref.ref(error)
            assert held() is None

    asyncio.run(fail())


def test_a_list_nobody_iterates_over_calls_nobody(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", [servers("a")])
    client.servers.list()
    assert oaktree.calls == {}


async def leave(oaktree: Oaktree, how: str) -> bool:
    oaktree.answer("ListServers", fake.endless(servers("a", "b", "c")))
    async with oaktreemodel.aio.connect(oaktree.address) as client:
        if how == "break":
            async for item in client.servers.list():
                assert item.name == "a"
                break
        else:
            begun = asyncio.Event()
            task = asyncio.create_task(drain(client, begun))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        over = oaktree.only_call("ListServers").over
        return await asyncio.to_thread(over.wait, fake.BOUND)


async def drain(client: oaktreemodel.aio.Client, begun: asyncio.Event) -> None:
    async for _ in client.servers.list():
        begun.set()


@pytest.mark.parametrize("how", ["break", "cancel"])
def test_leaving_an_async_loop_cancels_the_call(oaktree: Oaktree, how: str) -> None:
    assert asyncio.run(leave(oaktree, how))
