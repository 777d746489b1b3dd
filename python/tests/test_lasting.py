"""Waits go on when their server is lost, and nobody asks a lost server too often."""

from __future__ import annotations

from typing import Any

import grpc
import oaktreemodel
import pytest
from conftest import Connect
from fake import BOUND, Oaktree, endless, status
from oaktreemodel import _lasting, v1
from oaktreemodel._lasting import Lasting

AWAY = status(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
PENDING, READY = v1.State.STATE_PENDING, v1.State.STATE_READY


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lasting, "SHORTEST", 0.02)


def state(one: v1.State.ValueType, identifier: str = "1") -> v1.WaitServerResponse:
    return v1.WaitServerResponse(server=v1.Server(id=identifier, name="web", state=one))


@pytest.mark.usefixtures("brief")
def test_a_wait_goes_on(client: Any, oaktree: Oaktree) -> None:
    again = [state(PENDING), AWAY]
    oaktree.answer("WaitServer", again, again, AWAY, [state(PENDING), state(READY)])
    seen: list[v1.Server] = []
    assert client.servers.wait("web", on_state=seen.append).state == READY
    assert [one.state for one in seen] == [PENDING, READY]


@pytest.mark.usefixtures("brief")
def test_a_wait_goes_on_for_the_same_thing(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("WaitServer", [state(PENDING), AWAY], [state(READY)])
    client.cloud("one").servers.wait("web", until="deleted")
    first, second = (call.request for call in oaktree.calls["WaitServer"])
    assert (first.name_or_id, second.name_or_id) == ("web", "1")
    second.name_or_id = first.name_or_id
    assert first == second


@pytest.mark.usefixtures("brief")
def test_a_wait_outlives_the_server(connect: Connect) -> None:
    first = Oaktree()
    second: list[Oaktree] = []

    def restart(server: v1.Server) -> None:
        if server.state == PENDING:
            first.stop()
            second.append(Oaktree(listen=first.address))
            second[0].answer("WaitServer", [state(READY)])

    first.answer("WaitServer", endless(state(PENDING)))
    try:
        assert connect(first.address).servers.wait("web", on_state=restart).state == READY
        assert second[0].only_call("WaitServer").request.name_or_id == "1"
    finally:
        for server in second:
            server.stop()


@pytest.mark.usefixtures("brief")
def test_a_wait_that_fails_after_all(client: Any, oaktree: Oaktree) -> None:
    gone = status(grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
    oaktree.answer("WaitServer", [state(PENDING), AWAY], [gone])
    with pytest.raises(oaktreemodel.NotFound):
        client.servers.wait("web")


def test_a_wait_gives_up_where_there_never_was_a_server(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("WaitServer", AWAY)
    with pytest.raises(oaktreemodel.Unavailable):
        client.servers.wait("web", timeout=BOUND)
    assert len(oaktree.calls["WaitServer"]) == 4


@pytest.mark.usefixtures("brief")
def test_a_wait_ends_at_its_deadline(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("WaitServer", [state(PENDING), AWAY])
    with pytest.raises(oaktreemodel.DeadlineExceeded):
        client.servers.wait("web", timeout=1)
    assert len(oaktree.calls["WaitServer"]) > 1


def losses(lasting: Lasting, count: int) -> list[float]:
    pauses = []
    for _ in range(count):
        lasting.begin()
        lasting.heard()
        is_news, pause = lasting.lost(oaktreemodel.Unavailable("gone"))
        assert is_news
        pauses.append(pause)
    return pauses


def test_pauses_grow_at_random_and_are_bounded() -> None:
    runs = [losses(Lasting(None), 12) for _ in range(200)]
    assert all(_lasting.SHORTEST <= pause <= _lasting.LONGEST for run in runs for pause in run)
    assert len({run[0] for run in runs}) > 100
    assert max(run[0] for run in runs) <= 4 * _lasting.SHORTEST
    assert max(run[11] for run in runs) > _lasting.LONGEST / 2


def test_tokens_that_end_at_once_are_not_fetched_without_end() -> None:
    lasting, pauses = Lasting(None), []
    for _ in range(12):
        lasting.begin()
        lasting.heard()
        pauses.append(lasting.outlived())
    assert pauses[0] == 0
    assert all(_lasting.SHORTEST <= pause <= _lasting.LONGEST for pause in pauses[1:])


def test_a_server_that_was_there_for_long_is_asked_again_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    lasting = Lasting(None)
    losses(lasting, 12)
    lasting.begin()
    lasting.heard()
    now += _lasting.LONGEST + 1
    _, pause = lasting.lost(oaktreemodel.Unavailable("gone"))
    assert pause <= 4 * _lasting.SHORTEST


def test_all_connections_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    lasting = Lasting(60)
    assert lasting.begin() == 60
    now += 45
    losses(lasting, 1)
    assert lasting.begin() == 15
    now += 45
    assert lasting.begin() == 0


def test_no_pause_outlasts_the_deadline() -> None:
    assert losses(Lasting(0), 5) == [0] * 5
    assert Lasting(0).begin() == 0
    assert Lasting(None).begin() is None


def test_a_loss_is_told_once_an_outage() -> None:
    lasting = Lasting(None)
    lasting.begin()
    lasting.heard()
    assert lasting.lost(oaktreemodel.Unavailable("gone"))[0]
    lasting.begin()
    assert not lasting.lost(oaktreemodel.Unavailable("gone"))[0]
    lasting.begin()
    lasting.heard()
    assert lasting.lost(oaktreemodel.Unavailable("gone"))[0]
