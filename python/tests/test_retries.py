"""Reads and Creates are sent again when the server was not there; nothing else is."""

from __future__ import annotations

import asyncio
import datetime
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import fake
import grpc
import oaktreemodel
import oaktreemodel.aio
import pytest
from fake import Oaktree, servers, status
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from oaktreemodel import _attempts, v1
from oaktreemodel._attempts import Attempts
from oaktreemodel._channel import service_config

AWAY = status(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
FORBIDDEN = status(grpc.StatusCode.PERMISSION_DENIED, "POLICY_FORBIDS")
STREAMS = [("list", "ListServers"), ("wait", "WaitServer"), ("watch", "WatchServers")]


def start(client: Any, method: str) -> None:
    """Make a streaming call, up to the first thing it tells."""
    if method == "wait":
        client.servers.wait("web", timeout=fake.BOUND)
    else:
        next(getattr(client.servers, method)(timeout=fake.BOUND))


def test_reads_are_sent_again(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("GetServer", AWAY, AWAY, v1.GetServerResponse(server=v1.Server(id="1")))
    assert client.servers.get("web").id == "1"
    assert len(oaktree.calls["GetServer"]) == 3


def test_lists_are_sent_again_before_the_first_item(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", AWAY, AWAY, AWAY, [servers("a")])
    assert [one.name for one in client.servers.list()] == ["a"]
    assert len(oaktree.calls["ListServers"]) == 4


def test_lists_are_not_sent_again_after_the_first_item(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", AWAY, [servers("a"), AWAY])
    items = client.servers.list()
    assert next(items).name == "a"
    with pytest.raises(oaktreemodel.Unavailable):
        next(items)
    assert len(oaktree.calls["ListServers"]) == 2


def test_lists_are_not_sent_again_after_an_empty_batch(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", [servers(), AWAY])
    with pytest.raises(oaktreemodel.Unavailable):
        list(client.servers.list())
    assert len(oaktree.calls["ListServers"]) == 1


def test_creates_are_sent_again_with_their_id(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("CreateServer", AWAY, v1.CreateServerResponse(server=v1.Server(id="1")))
    assert client.servers.create(name="web").id == "1"
    first, second = oaktree.calls["CreateServer"]
    assert first.request.request_id == second.request.request_id != ""
    # The server tells by both that the second is a repetition.
    assert first.metadata["oaktree-request-id"] == second.metadata["oaktree-request-id"] == "new"
    assert "grpc-previous-rpc-attempts" not in first.metadata
    assert second.metadata["grpc-previous-rpc-attempts"] == "1"


def test_an_id_of_the_users_own_may_be_a_repetition(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("CreateServer", v1.CreateServerResponse(server=v1.Server(id="1")))
    identifier = "6fa459ea-ee8a-3ca4-894e-db77e160355e"
    client.servers.create(name="web", request_id=identifier)
    call = oaktree.only_call("CreateServer")
    assert call.request.request_id == identifier
    assert "oaktree-request-id" not in call.metadata


@pytest.mark.parametrize(
    ("method", "rpc"),
    [("delete", "DeleteServer"), ("update", "UpdateServer"), ("reboot", "RebootServer")],
)
def test_other_changes_are_not_sent_again(
    client: Any, oaktree: Oaktree, method: str, rpc: str
) -> None:
    oaktree.answer(rpc, AWAY)
    with pytest.raises(oaktreemodel.Unavailable) as caught:
        getattr(client.servers, method)("web")
    call = oaktree.only_call(rpc)
    assert caught.value.request_id == call.request.request_id != ""


def test_it_gives_up(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("GetServer", AWAY)
    with pytest.raises(oaktreemodel.Unavailable) as caught:
        client.servers.get("web")
    assert caught.value.reason == "SHUTTING_DOWN"
    assert len(oaktree.calls["GetServer"]) == 4


def test_what_would_fail_again_is_not_sent_again(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("GetServer", FORBIDDEN)
    with pytest.raises(oaktreemodel.PermissionDenied):
        client.servers.get("web")
    assert len(oaktree.calls["GetServer"]) == 1


@pytest.mark.parametrize(("method", "rpc"), STREAMS)
def test_streams_give_up_as_other_calls_do(
    client: Any, oaktree: Oaktree, method: str, rpc: str
) -> None:
    oaktree.answer(rpc, AWAY)
    with pytest.raises(oaktreemodel.Unavailable) as caught:
        start(client, method)
    assert caught.value.reason == "SHUTTING_DOWN"
    assert isinstance(caught.value.__cause__, grpc.RpcError)
    assert len(oaktree.calls[rpc]) == 4


@pytest.mark.parametrize(("method", "rpc"), STREAMS)
def test_streams_that_would_fail_again_are_not_sent_again(
    client: Any, oaktree: Oaktree, method: str, rpc: str
) -> None:
    oaktree.answer(rpc, FORBIDDEN)
    with pytest.raises(oaktreemodel.PermissionDenied):
        start(client, method)
    assert len(oaktree.calls[rpc]) == 1


@pytest.mark.parametrize(
    ("method", "rpc", "answer"),
    [
        ("get", "GetServer", v1.GetServerResponse(server=v1.Server(id="1"))),
        ("wait", "WaitServer", [v1.WaitServerResponse(server=v1.Server(id="1"))]),
    ],
)
def test_a_delay_that_the_error_asks_for_is_not_heeded(
    client: Any, oaktree: Oaktree, method: str, rpc: str, answer: Any
) -> None:
    patient = RetryInfo(retry_delay=Duration(seconds=3600))
    oaktree.answer(rpc, status(grpc.StatusCode.UNAVAILABLE, "CLOUD_UNREACHABLE", patient), answer)
    assert getattr(client.servers, method)("web", timeout=fake.BOUND).id == "1"
    assert len(oaktree.calls[rpc]) == 2


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that outlast every test."""
    long = replace(_attempts.policy(), first=3600.0, longest=3600.0)
    monkeypatch.setattr(_attempts, "policy", lambda: long)


@pytest.mark.usefixtures("patient")
def test_a_deadline_during_a_pause(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", AWAY)
    with pytest.raises(oaktreemodel.DeadlineExceeded, match="it broke") as caught:
        # Long enough for the first attempt to be answered.
        list(client.servers.list(timeout=3))
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(oaktree.calls["ListServers"]) == 1


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses end only when somebody ends them."""
    policy = replace(_attempts.policy(), first=1e6, longest=1e6)
    monkeypatch.setattr(_attempts, "policy", lambda: policy)


def asked(oaktree: Oaktree) -> None:
    """Waits for the first call."""
    for _ in range(1000):
        if oaktree.calls.get("ListServers"):
            return
        time.sleep(0.01)
    raise AssertionError("nobody called")


@pytest.mark.usefixtures("endless")
def test_closing_the_client_ends_a_pause(oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", AWAY)
    client = oaktreemodel.connect(oaktree.address)
    threads = ThreadPoolExecutor()
    listing = threads.submit(list, client.servers.list())
    try:
        asked(oaktree)
    finally:
        client.close()
    with pytest.raises(oaktreemodel.Cancelled):
        listing.result(fake.BOUND)
    assert len(oaktree.calls["ListServers"]) == 1


@pytest.mark.usefixtures("endless")
@pytest.mark.parametrize(
    ("end", "told"), [("close", oaktreemodel.Cancelled), ("cancel", asyncio.CancelledError)]
)
def test_ending_an_async_pause(oaktree: Oaktree, end: str, told: type[BaseException]) -> None:
    oaktree.answer("ListServers", AWAY)

    async def listing() -> None:
        async with oaktreemodel.aio.connect(oaktree.address) as client:
            task = asyncio.ensure_future(anext(client.servers.list()))
            await asyncio.to_thread(asked, oaktree)
            if end == "close":
                await client.close()
            else:
                task.cancel()
            with pytest.raises(told):
                await asyncio.wait_for(task, fake.BOUND)

    asyncio.run(listing())
    assert len(oaktree.calls["ListServers"]) == 1


def test_a_closed_client_makes_no_more_calls(oaktree: Oaktree) -> None:
    oaktree.answer("GetServer", v1.GetServerResponse())
    client = oaktreemodel.connect(oaktree.address)
    # The stub of servers is made before, and that of flavors after.
    client.servers.get("web")
    items = client.servers.list()
    client.close()
    for call in (lambda: client.servers.get("web"), lambda: next(items), lambda: client.flavors):
        with pytest.raises(oaktreemodel.Cancelled):
            call()


def test_a_closed_async_client_makes_no_more_calls(oaktree: Oaktree) -> None:
    oaktree.answer("GetServer", v1.GetServerResponse())

    async def calls() -> None:
        client = oaktreemodel.aio.connect(oaktree.address)
        await client.servers.get("web")
        items = client.servers.list()
        await client.close()
        with pytest.raises(oaktreemodel.Cancelled):
            await client.servers.get("web")
        with pytest.raises(oaktreemodel.Cancelled):
            await anext(items)

    asyncio.run(calls())


def pauses(attempts: Attempts) -> list[float]:
    away = oaktreemodel.Unavailable("away", code=grpc.StatusCode.UNAVAILABLE)
    made = []
    attempts.begin()
    while (pause := attempts.pause(away)) is not None:
        made.append(pause)
        attempts.begin()
    return made


def test_streams_are_sent_again_by_the_policy_that_grpc_has() -> None:
    (entry,) = json.loads(service_config())["methodConfig"]
    assert not [one for one in entry["name"] if one["method"].startswith(("List", "Wait", "Watch"))]
    told, policy = entry["retryPolicy"], _attempts.policy()
    assert policy.attempts == told["maxAttempts"]
    assert datetime.timedelta(seconds=policy.first) == read(told["initialBackoff"])
    assert datetime.timedelta(seconds=policy.longest) == read(told["maxBackoff"])
    assert policy.multiplier == told["backoffMultiplier"]
    assert policy.codes == set(told["retryableStatusCodes"])


def read(duration: str) -> datetime.timedelta:
    message = Duration()
    message.FromJsonString(duration)
    return message.ToTimedelta()


def test_pauses_grow_and_vary_as_those_of_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = replace(_attempts.policy(), attempts=5, first=0.5, longest=3.0, multiplier=2)
    monkeypatch.setattr(_attempts, "policy", lambda: policy)
    runs = [pauses(Attempts(None)) for _ in range(200)]
    for number, usual in enumerate([0.5, 1.0, 2.0, 3.0]):
        column = [run[number] for run in runs]
        assert all(0.8 * usual <= pause <= 1.2 * usual for pause in column)
        assert len(set(column)) > 100
    assert {len(run) for run in runs} == {4}


def test_no_pause_of_a_stream_outlasts_its_deadline() -> None:
    attempts = Attempts(0)
    attempts.begin()
    away = oaktreemodel.Unavailable("away", code=grpc.StatusCode.UNAVAILABLE)
    assert attempts.pause(away) == 0
    with pytest.raises(oaktreemodel.DeadlineExceeded):
        attempts.begin()


def test_all_attempts_of_a_stream_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    attempts = Attempts(60)
    assert attempts.begin() == 60
    now += 45
    assert attempts.begin() == 15
    assert Attempts(None).begin() is None
