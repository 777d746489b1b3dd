"""A watch: which events it gives, when it begins anew, and when it ends."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

import fake
import grpc
import oaktreemodel
import oaktreemodel.aio
import pytest
from conftest import Connect
from fake import Oaktree, endless, failure, status
from google.protobuf.timestamp_pb2 import Timestamp
from oaktreemodel import _lasting, v1

ONE = v1.Location(cloud="one", region="r")
TWO = v1.Location(cloud="two", region="r")
RESET = v1.WatchMark.WATCH_MARK_RESET
SYNCED = v1.WatchMark.WATCH_MARK_SYNCED
AWAY = status(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
UNREACHABLE = status(grpc.StatusCode.UNAVAILABLE, "CLOUD_UNREACHABLE")
PERMANENT = [
    (grpc.StatusCode.INVALID_ARGUMENT, oaktreemodel.InvalidArgument),
    (grpc.StatusCode.PERMISSION_DENIED, oaktreemodel.PermissionDenied),
    (grpc.StatusCode.UNAUTHENTICATED, oaktreemodel.Unauthenticated),
    (grpc.StatusCode.NOT_FOUND, oaktreemodel.NotFound),
    (grpc.StatusCode.UNIMPLEMENTED, oaktreemodel.Unimplemented),
    (grpc.StatusCode.FAILED_PRECONDITION, oaktreemodel.Failed),
]


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lasting, "SHORTEST", 0.02)


def told(*names: str, at: v1.Location = ONE, **rest: Any) -> v1.WatchServersResponse:
    items = [v1.Server(location=at, id=f"{one}-id", name=one) for one in names]
    return v1.WatchServersResponse(location=at, servers=items, **rest)


def gone(name: str, *, deleted: bool = True, at: v1.Location = ONE) -> v1.WatchServersResponse:
    removal = v1.Removal(id=f"{name}-id", name=name, deleted=deleted)
    return v1.WatchServersResponse(location=at, removals=[removal])


def everything(*names: str, at: v1.Location = ONE) -> list[v1.WatchServersResponse]:
    return [told(mark=RESET, at=at), told(*names, at=at), told(mark=SYNCED, at=at)]


def take(events: Any, count: int) -> list[Any]:
    return [next(events) for _ in range(count)]


def short(events: list[Any]) -> list[tuple[str, str]]:
    return [(event.kind, event.name) for event in events]


def test_events_in_order(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer(
        "WatchServers",
        endless(*everything("a", "b"), told("a", "c"), gone("b"), gone("c", deleted=False)),
    )
    events = client.servers.watch()
    seen = take(events, 8)
    events.close()
    assert short(seen) == [
        ("reset", ""),
        ("present", "a"),
        ("present", "b"),
        ("synced", ""),
        ("changed", "a"),
        ("changed", "c"),
        ("removed", "b"),
        ("removed", "c"),
    ]
    assert all(event.location == ONE for event in seen)
    assert seen[1].item == v1.Server(location=ONE, id="a-id", name="a")
    assert seen[1].key == ("one", "r", "a-id")
    assert (seen[6].item, seen[6].id, seen[6].deleted) == (None, "b-id", True)
    assert not seen[7].deleted


def test_the_mark_comes_before_the_rest(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("WatchServers", endless(told("a", mark=RESET), told("b", mark=SYNCED)))
    assert short(take(client.servers.watch(), 4)) == [
        ("reset", ""),
        ("present", "a"),
        ("synced", ""),
        ("changed", "b"),
    ]


def test_places_are_synced_each_by_itself(client: Any, oaktree: Oaktree) -> None:
    responses = [*everything("a"), told("x", mark=RESET, at=TWO), told("a"), told("y", at=TWO)]
    oaktree.answer("WatchServers", endless(*responses))
    assert short(take(client.servers.watch(), 7))[3:] == [
        ("reset", ""),
        ("present", "x"),
        ("changed", "a"),
        ("present", "y"),
    ]


def test_when_the_cloud_was_asked(client: Any, oaktree: Oaktree) -> None:
    as_of = Timestamp(seconds=1_700_000_000)
    oaktree.answer("WatchServers", endless(told("a", as_of=as_of), told("a")))
    first, second = take(client.servers.watch(), 2)
    assert first.as_of == datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.UTC)
    assert second.as_of is None


def test_what_is_asked(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("WatchServers", endless(told(mark=RESET)))
    events = client.cloud("one").servers.watch(where={"name": "a"}, all_projects=True)
    next(events)
    call = oaktree.only_call("WatchServers")
    assert call.request == v1.WatchServersRequest(
        location=v1.Location(cloud="one"),
        where=[v1.Filter(path=["name"], values=["a"])],
        all_projects=True,
    )
    assert call.time_remaining is None


@pytest.mark.parametrize(
    ("collection", "rpc", "field", "item"),
    [
        ("volumes", "Volumes", "volumes", v1.Volume(id="1", name="n")),
        ("images", "Images", "images", v1.Image(id="1", name="n")),
        ("floating_ips", "FloatingIps", "floating_ips", v1.FloatingIp(id="1", name="n")),
        ("ports", "Ports", "ports", v1.Port(id="1", name="n")),
    ],
)
def test_other_resources(
    client: Any, oaktree: Oaktree, collection: str, rpc: str, field: str, item: Any
) -> None:
    response = getattr(v1, f"Watch{rpc}Response")(location=ONE, **{field: [item]})
    oaktree.answer(f"Watch{rpc}", endless(response))
    (event,) = take(getattr(client, collection).watch(), 1)
    assert (event.kind, event.item, event.key) == ("present", item, ("one", "r", "1"))


def test_a_place_that_fails_and_comes_back(client: Any, oaktree: Oaktree) -> None:
    broken = v1.Failure(location=TWO, status=UNREACHABLE)
    lost = v1.WatchServersResponse(location=TWO, failures=[broken])
    responses = [*everything("a", at=TWO), lost, told("b"), *everything("c", at=TWO)]
    oaktree.answer("WatchServers", endless(*responses))
    seen = take(client.servers.watch(), 8)
    assert short(seen)[3:] == [
        ("failed", ""),
        ("present", "b"),
        ("reset", ""),
        ("present", "c"),
        ("synced", ""),
    ]
    event = seen[3]
    assert event.location == TWO
    assert isinstance(event.failure, oaktreemodel.Unavailable)
    assert (event.failure.cloud, event.failure.reason) == ("two", "CLOUD_UNREACHABLE")


def test_a_service_that_is_absent_is_no_failure(client: Any, oaktree: Oaktree) -> None:
    absent = failure("bare", status(grpc.StatusCode.FAILED_PRECONDITION, "SERVICE_ABSENT"))
    oaktree.answer(
        "WatchServers", endless(v1.WatchServersResponse(failures=[absent]), told(mark=RESET))
    )
    assert short(take(client.servers.watch(), 1)) == [("reset", "")]


def test_it_begins_anew_when_the_server_breaks_off(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer(
        "WatchServers", [*everything("a", "b"), AWAY], endless(*everything("b"), told("a"))
    )
    seen = take(client.cloud("one").servers.watch(where={"name": "a"}), 9)
    assert short(seen)[3:] == [
        ("synced", ""),
        ("failed", ""),
        ("reset", ""),
        ("present", "b"),
        ("synced", ""),
        ("changed", "a"),
    ]
    assert seen[4].failure.reason == "SHUTTING_DOWN"
    assert seen[4].location == v1.Location(cloud="one")
    first, second = oaktree.calls["WatchServers"]
    assert first.request == second.request


def test_what_is_told_before_it_is_synced_again_is_present(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("WatchServers", [*everything("a"), AWAY], endless(told("b")))
    assert short(take(client.servers.watch(), 5))[3:] == [("failed", ""), ("present", "b")]


def test_it_begins_anew_as_often_as_it_must(client: Any, oaktree: Oaktree) -> None:
    again = [told(mark=RESET), AWAY]
    oaktree.answer("WatchServers", again, again, AWAY, again, endless(*everything("a")))
    kinds = [event.kind for event in take(client.servers.watch(), 9)]
    assert kinds == ["reset", "failed"] * 3 + ["reset", "present", "synced"]


def test_it_begins_anew_when_the_server_was_restarted(connect: Connect) -> None:
    first = Oaktree()
    first.answer("WatchServers", endless(*everything("a", "b")))
    client = connect(first.address)
    events = client.servers.watch()
    assert short(take(events, 4))[3] == ("synced", "")
    first.stop()
    lost = next(events)
    assert (lost.kind, lost.location) == ("failed", v1.Location())
    assert isinstance(lost.failure, oaktreemodel.Unavailable)
    second = Oaktree(listen=first.address)
    try:
        assert second.port == first.port
        second.answer("WatchServers", endless(*everything("b")))
        assert short(take(events, 3)) == [("reset", ""), ("present", "b"), ("synced", "")]
    finally:
        second.stop()


@pytest.mark.parametrize(("code", "kind"), PERMANENT)
@pytest.mark.parametrize("before", [[], [told(mark=RESET)], [told(mark=RESET), AWAY]])
def test_what_will_not_pass_is_raised(
    client: Any, oaktree: Oaktree, code: grpc.StatusCode, kind: type[Exception], before: list[Any]
) -> None:
    refusal = status(code, "NOT_FOUND")
    if AWAY in before:
        oaktree.answer("WatchServers", before, [refusal])
    else:
        oaktree.answer("WatchServers", [*before, refusal])
    events = client.servers.watch()
    take(events, len(before))
    with pytest.raises(kind):
        next(events)
    assert len(oaktree.calls["WatchServers"]) == 1 + (AWAY in before)


def test_it_gives_up_where_there_never_was_a_server(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("WatchServers", AWAY)
    with pytest.raises(oaktreemodel.Unavailable):
        next(client.servers.watch(timeout=fake.BOUND))
    assert len(oaktree.calls["WatchServers"]) == 4


def test_it_gives_up_where_nothing_listens(connect: Connect) -> None:
    server = Oaktree()
    server.stop()
    with pytest.raises(oaktreemodel.Unavailable, match="is oaktree running"):
        next(connect(server.address).servers.watch(timeout=fake.BOUND))


def test_a_watch_that_ends_is_a_fault(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("WatchServers", [told(mark=RESET)])
    events = client.servers.watch()
    next(events)
    with pytest.raises(oaktreemodel.Internal):
        next(events)


def test_a_deadline_bounds_it(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("WatchServers", endless(told(mark=RESET)))
    events = client.servers.watch(timeout=0.5)
    next(events)
    with pytest.raises(oaktreemodel.DeadlineExceeded):
        next(events)


def test_a_deadline_bounds_each_connection(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("WatchServers", [told(mark=RESET), AWAY], endless(told(mark=RESET)))
    take(client.servers.watch(timeout=100), 3)
    left = [call.time_remaining for call in oaktree.calls["WatchServers"]]
    # gRPC rounds a timeout up when it puts it on the wire.
    assert [one is not None and 50 < one < 110 for one in left] == [True, True]


def test_a_deadline_passes_while_the_server_is_away(connect: Connect) -> None:
    server = Oaktree()
    server.answer("WatchServers", endless(told(mark=RESET)))
    events = connect(server.address).servers.watch(timeout=2)
    next(events)
    server.stop()
    assert next(events).kind == "failed"
    with pytest.raises(oaktreemodel.DeadlineExceeded):
        next(events)


def test_closing_the_client_ends_it_also_while_the_server_is_away(
    client: Any, oaktree: Oaktree
) -> None:
    oaktree.answer("WatchServers", [told(mark=RESET), AWAY])
    events = client.servers.watch()
    assert take(events, 2)[1].kind == "failed"
    client.close()
    with pytest.raises(oaktreemodel.Cancelled):
        next(events)


def test_a_watch_nobody_iterates_over_calls_nobody(client: Any, oaktree: Oaktree) -> None:
    client.servers.watch()
    assert oaktree.calls == {}


def test_leaving_a_loop_cancels_the_call(oaktree: Oaktree) -> None:
    oaktree.answer("WatchServers", endless(told(mark=RESET)))
    with oaktreemodel.connect(oaktree.address) as client:
        for event in client.servers.watch():
            assert event.kind == "reset"
            break
        assert oaktree.only_call("WatchServers").over.wait(fake.BOUND)


async def leave(oaktree: Oaktree, how: str) -> bool:
    async with oaktreemodel.aio.connect(oaktree.address) as client:
        begun = asyncio.Event()

        async def follow() -> None:
            async for _ in client.servers.watch():
                begun.set()
                if how == "break":
                    break

        task = asyncio.create_task(follow())
        await begun.wait()
        if how == "cancel":
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            await task
        over = oaktree.only_call("WatchServers").over
        return await asyncio.to_thread(over.wait, fake.BOUND)


@pytest.mark.parametrize("how", ["break", "cancel"])
def test_leaving_an_async_loop_cancels_the_call(oaktree: Oaktree, how: str) -> None:
    oaktree.answer("WatchServers", endless(told(mark=RESET)))
    assert asyncio.run(leave(oaktree, how))
