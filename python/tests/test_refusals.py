"""A token that the server refuses: lists, waits and watches take another, and go on."""

from __future__ import annotations

from typing import Any

import grpc
import oaktreemodel
import pytest
from conftest import Connect
from fake import REFUSED, Oaktree, endless, servers, status
from oaktreemodel import _lasting, v1

AWAY = status(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
# How to make a call of each kind, up to its first answer, and that answer.
CALLS: dict[str, tuple[str, Any]] = {
    "get": ("GetServer", v1.GetServerResponse(server=v1.Server(id="1"))),
    "list": ("ListServers", [servers("1")]),
    "wait": ("WaitServer", [v1.WaitServerResponse(server=v1.Server(id="1"))]),
    "watch": ("WatchServers", [v1.WatchServersResponse(servers=[v1.Server(id="1")])]),
}


def call(client: Any, method: str) -> None:
    if method in ("get", "wait"):
        getattr(client.servers, method)("web")
    else:
        next(getattr(client.servers, method)())


@pytest.mark.parametrize("method", CALLS)
def test_it_is_replaced_and_the_call_sent_again(
    known: Any, exchanging: Oaktree, method: str
) -> None:
    rpc, answer = CALLS[method]
    exchanging.answer(rpc, REFUSED, answer)
    call(known, method)
    call(known, method)
    assert exchanging.shown(rpc) == ["token-1", "token-2", "token-2"]


@pytest.mark.parametrize("method", CALLS)
def test_what_is_refused_twice_is_raised(known: Any, exchanging: Oaktree, method: str) -> None:
    rpc, _ = CALLS[method]
    exchanging.answer(rpc, REFUSED)
    with pytest.raises(oaktreemodel.Unauthenticated) as caught:
        call(known, method)
    assert caught.value.message == "who are you"
    assert exchanging.shown(rpc) == ["token-1", "token-2"]


def test_a_list_that_has_begun_is_not_sent_again(known: Any, exchanging: Oaktree) -> None:
    exchanging.answer("ListServers", [servers("a"), REFUSED], [servers("a")])
    items = known.servers.list()
    assert next(items).name == "a"
    with pytest.raises(oaktreemodel.Unauthenticated):
        next(items)
    # But nobody tries that token again.
    list(known.servers.list())
    assert exchanging.shown("ListServers") == ["token-1", "token-2"]


def everything(*names: str) -> list[v1.WatchServersResponse]:
    return [
        v1.WatchServersResponse(mark=v1.WatchMark.WATCH_MARK_RESET),
        v1.WatchServersResponse(servers=[v1.Server(id=one, name=one) for one in names]),
        v1.WatchServersResponse(mark=v1.WatchMark.WATCH_MARK_SYNCED),
    ]


def test_a_watch_outlives_its_token(known: Any, exchanging: Oaktree) -> None:
    exchanging.answer("WatchServers", [*everything("a", "b"), REFUSED], endless(*everything("b")))
    mirror = oaktreemodel.Mirror[v1.Server]()
    kinds, gone = [], []
    events = known.servers.watch()
    for _ in range(7):
        kinds.append((event := next(events)).kind)
        gone += mirror.apply(event)
    assert kinds == ["reset", "present", "present", "synced", "reset", "present", "synced"]
    assert [one.id for one in gone] == ["a"]
    assert exchanging.shown("WatchServers") == ["token-1", "token-2"]


def test_a_watch_outlives_many_tokens(
    known: Any, exchanging: Oaktree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_lasting, "SHORTEST", 0.01)
    ended = [*everything("a"), REFUSED]
    exchanging.answer("WatchServers", ended, ended, AWAY, ended, endless(*everything("a")))
    events = known.servers.watch()
    assert [next(events).kind for _ in range(12)] == ["reset", "present", "synced"] * 4
    assert exchanging.shown("WatchServers") == [f"token-{one}" for one in (1, 2, 3, 3, 4)]


def test_a_wait_outlives_its_token(known: Any, exchanging: Oaktree) -> None:
    def told(state: v1.State.ValueType) -> v1.WaitServerResponse:
        return v1.WaitServerResponse(server=v1.Server(id="1", state=state))

    pending, ready = told(v1.State.STATE_PENDING), told(v1.State.STATE_READY)
    exchanging.answer("WaitServer", [pending, REFUSED], [pending, ready])
    seen: list[v1.Server] = []
    assert known.servers.wait("web", on_state=seen.append).state == v1.State.STATE_READY
    assert len(seen) == 2
    assert [call.request.name_or_id for call in exchanging.calls["WaitServer"]] == ["web", "1"]


def test_a_watch_ends_whose_new_token_is_refused(known: Any, exchanging: Oaktree) -> None:
    exchanging.answer("WatchServers", [*everything(), REFUSED], REFUSED)
    events = known.servers.watch()
    assert [next(events).kind for _ in range(2)] == ["reset", "synced"]
    with pytest.raises(oaktreemodel.Unauthenticated):
        next(events)


def test_a_watch_survives_that_no_token_can_be_had_for_a_moment(
    known: Any, exchanging: Oaktree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_lasting, "SHORTEST", 0.01)
    exchanging.answer("WatchServers", [*everything(), REFUSED], endless(*everything()))
    events = known.servers.watch()
    assert [next(events).kind for _ in range(2)] == ["reset", "synced"]
    exchanging.answer("CreateToken", *[AWAY] * 5, *exchanging.answers["CreateToken"])
    assert [next(events).kind for _ in range(2)] == ["reset", "synced"]


def test_a_token_that_was_given_is_not_renewed(connect: Connect, exchanging: Oaktree) -> None:
    exchanging.tokens = {"given"}
    client = connect(exchanging.address, token="given")
    assert client.servers.get("web").id == "1"
    exchanging.answer("WatchServers", [*everything(), REFUSED], endless(*everything()))
    events = client.servers.watch()
    assert [next(events).kind for _ in range(2)] == ["reset", "synced"]
    with pytest.raises(oaktreemodel.Unauthenticated):
        next(events)
    exchanging.tokens = set()
    with pytest.raises(oaktreemodel.Unauthenticated) as caught:
        client.servers.get("web")
    assert caught.value.message == "who are you"
    assert exchanging.shown("GetServer") == ["given"] * 2
    assert exchanging.shown("WatchServers") == ["given"]
    assert exchanging.exchanges == 0
