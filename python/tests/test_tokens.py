"""Tokens: how they are fetched, shown, renewed and given up."""

from __future__ import annotations

import gc
import logging
import traceback
from typing import Any

import fake
import grpc
import oaktreemodel
import pytest
from certificates import certificate
from conftest import CREDENTIAL, SECRET, Connect
from fake import REFUSED, Oaktree, endless, status
from google.protobuf.message import Message
from oaktreemodel import _tokens, v1
from oaktreemodel.v1 import server_pb2_grpc

AWAY = status(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
UNKNOWN = status(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_REFUSED")
SERVER = v1.GetServerResponse(server=v1.Server(id="1"))


class Clock:
    """Time that stands still until a test moves it on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(_tokens, "monotonic", made)
    return made


def get(client: Any) -> str:
    return str(client.servers.get("web").id)


def test_a_credential_is_exchanged_at_the_first_call(connect: Connect, exchanging: Oaktree) -> None:
    client = connect(exchanging.address, cloud="one", **CREDENTIAL)
    assert exchanging.exchanges == 0
    assert [get(client), get(client)] == ["1", "1"]
    call = exchanging.only_call("CreateToken")
    assert call.request == v1.CreateTokenRequest(location=v1.Location(cloud="one"), **CREDENTIAL)
    assert call.time_remaining is not None
    assert not {"authorization", "oaktree-cloud"} & set(call.metadata)
    assert exchanging.shown("GetServer") == ["token-1", "token-1"]
    assert exchanging.calls["GetServer"][0].metadata["oaktree-cloud"] == "one"


def test_the_exchange_itself_shows_none(known: Any, exchanging: Oaktree) -> None:
    made = known.auth.create_token_with_secrets(client_id="other", client_secret="s")
    assert made.access_token.value == "token-1"
    assert "authorization" not in exchanging.only_call("CreateToken").metadata


@pytest.mark.parametrize(("life", "good"), [(3600, 3540), (120, 60), (90, 45), (10, 5)])
def test_it_is_renewed_before_its_end(
    connect: Connect, exchanging: Oaktree, clock: Clock, life: int, good: int
) -> None:
    exchanging.exchange(life)
    client = connect(exchanging.address, **CREDENTIAL)
    get(client)
    clock.now += good - 0.5
    get(client)
    assert exchanging.exchanges == 1
    clock.now += 1
    # Whoever comes now need not wait for it: the old one is still good.
    until(lambda: get(client) and exchanging.shown("GetServer")[-1] == "token-2")
    assert exchanging.exchanges == 2
    assert set(exchanging.shown("GetServer")) == {"token-1", "token-2"}


def until(done: Any) -> None:
    for _ in range(10_000):
        if done():
            return
    raise AssertionError("it never was")


def test_after_its_end_it_is_not_shown(connect: Connect, exchanging: Oaktree, clock: Clock) -> None:
    exchanging.exchange(10)
    client = connect(exchanging.address, **CREDENTIAL)
    get(client)
    clock.now += 10
    get(client)
    assert exchanging.shown("GetServer") == ["token-1", "token-2"]


def test_one_that_is_over_at_once_is_good_for_a_call(connect: Connect, exchanging: Oaktree) -> None:
    exchanging.exchange(0)
    client = connect(exchanging.address, **CREDENTIAL)
    assert [get(client), get(client)] == ["1", "1"]
    assert exchanging.shown("GetServer") == ["token-1", "token-2"]


def test_while_there_is_no_new_one_the_old_one_is_shown(
    connect: Connect, exchanging: Oaktree, clock: Clock
) -> None:
    client = connect(exchanging.address, **CREDENTIAL)
    get(client)
    away = status(grpc.StatusCode.FAILED_PRECONDITION, "NOT_OFFERED")
    exchanging.answer("CreateToken", away)
    clock.now += 3560
    until(lambda: get(client) and exchanging.exchanges == 2)
    # Once that is known, it is not asked for again before half of the rest is over.
    for _ in range(20):
        get(client)
    assert exchanging.exchanges == 2
    clock.now += 21
    until(lambda: get(client) and exchanging.exchanges == 3)
    assert set(exchanging.shown("GetServer")) == {"token-1"}
    clock.now += 20
    with pytest.raises(oaktreemodel.Failed):
        until(lambda: not get(client))
    assert set(exchanging.shown("GetServer")) == {"token-1"}


def test_a_credential_that_is_refused_ends_it(
    connect: Connect, exchanging: Oaktree, clock: Clock
) -> None:
    client = connect(exchanging.address, **CREDENTIAL)
    get(client)
    exchanging.answer("CreateToken", UNKNOWN)
    clock.now += 3560
    with pytest.raises(oaktreemodel.Unauthenticated) as caught:
        until(lambda: not get(client))
    assert caught.value.reason == "CREDENTIALS_REFUSED"


def test_one_that_is_refused_is_renewed_once_a_call(known: Any, exchanging: Oaktree) -> None:
    made = v1.CreateServerResponse(server=v1.Server(id="1"))
    exchanging.answer("CreateServer", REFUSED, made)
    assert known.cloud("one").servers.create(name="web").id == "1"
    first, second = exchanging.calls["CreateServer"]
    assert (first.token, second.token) == ("token-1", "token-2")
    assert first.request == second.request
    assert second.metadata["oaktree-request-id"] == "new"
    assert exchanging.exchanges == 2


@pytest.mark.parametrize("reason", ["CREDENTIALS_REFUSED", ""])
def test_other_refusals_are_raised(known: Any, exchanging: Oaktree, reason: str) -> None:
    exchanging.answer("GetServer", status(grpc.StatusCode.UNAUTHENTICATED, reason))
    with pytest.raises(oaktreemodel.Unauthenticated):
        get(known)
    assert (exchanging.exchanges, len(exchanging.calls["GetServer"])) == (1, 1)


def test_a_credential_that_is_unknown(connect: Connect, exchanging: Oaktree) -> None:
    exchanging.answer("CreateToken", UNKNOWN)
    with pytest.raises(oaktreemodel.Unauthenticated) as caught:
        get(connect(exchanging.address, **CREDENTIAL))
    assert caught.value.reason == "CREDENTIALS_REFUSED"
    assert isinstance(caught.value.__cause__, grpc.RpcError)
    assert "GetServer" not in exchanging.calls


def test_a_token_that_cannot_be_sent_is_not_shown(connect: Connect, exchanging: Oaktree) -> None:
    bad = v1.CreateTokenResponse(access_token=v1.Secret(value=f"{SECRET}\n"))
    exchanging.exchange(3600, bad)
    client = connect(exchanging.address, **CREDENTIAL)
    with pytest.raises(oaktreemodel.Internal) as caught:
        get(client)
    assert SECRET not in str(caught.value)
    assert get(client) == "1"


@pytest.fixture
def silent(exchanging: Oaktree) -> Oaktree:
    """It takes its time to exchange a credential."""

    def wait(request: Any, context: grpc.ServicerContext) -> Any:
        next(endless()(request, context), None)
        return v1.CreateTokenResponse()

    exchanging.answer("CreateToken", wait)
    return exchanging


def test_fetching_a_token_is_within_the_deadline(connect: Connect, silent: Oaktree) -> None:
    client = connect(silent.address, **CREDENTIAL)
    with pytest.raises(oaktreemodel.DeadlineExceeded, match="no token yet"):
        client.servers.get("web", timeout=0.2)
    with pytest.raises(oaktreemodel.DeadlineExceeded, match="no token yet"):
        next(client.servers.watch(timeout=0.2))
    assert "GetServer" not in silent.calls
    client.close()


def test_closing_ends_the_exchange(connect: Connect, silent: Oaktree) -> None:
    client = connect(silent.address, **CREDENTIAL)
    with pytest.raises(oaktreemodel.DeadlineExceeded):
        client.servers.get("web", timeout=0.2)
    client.close()
    assert silent.only_call("CreateToken").over.wait(fake.BOUND)
    with pytest.raises(oaktreemodel.Cancelled):
        get(client)


def test_stubs_are_told_what_to_send(exchanging: Oaktree) -> None:
    with oaktreemodel.connect(exchanging.address, cloud="one", **CREDENTIAL) as client:
        stub = server_pb2_grpc.ServerServiceStub(client.channel)
        used = client.metadata()
        assert used == (("authorization", "Bearer token-1"), ("oaktree-cloud", "one"))
        assert stub.GetServer(v1.GetServerRequest(), metadata=used) == SERVER
        assert client.metadata() is used


def test_what_a_stub_was_refused_is_replaced(known: Any, exchanging: Oaktree) -> None:
    used = known.metadata()
    renewed = known.metadata(refused=used)
    assert renewed == (("authorization", "Bearer token-2"),)
    # Somebody else has seen to that one already.
    assert known.metadata(refused=used) == renewed
    assert exchanging.exchanges == 2


def test_it_goes_over_tls() -> None:
    own = certificate("localhost")
    server = Oaktree(grpc.ssl_server_credentials([(own.key, own.cert)]))
    server.exchange()
    server.answer("GetServer", SERVER)
    with oaktreemodel.connect(f"https://{server.address}", ca=own.cert, **CREDENTIAL) as client:
        assert get(client) == "1"
    assert server.shown("GetServer") == ["token-1"]
    server.stop()


def test_secrets_are_shown_nowhere(
    connect: Connect, exchanging: Oaktree, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = connect(exchanging.address, **CREDENTIAL)
    get(client)
    told = [repr(kept) for kept in gc.get_objects() if is_ours(kept)]
    # What holds the token is among it.
    assert [text for text in told if text.startswith("_Held(")]
    exchanging.answer("GetServer", REFUSED)
    exchanging.answer("CreateToken", UNKNOWN)
    given = connect(exchanging.address, token=SECRET)
    for one in (client, given):
        with pytest.raises(oaktreemodel.Unauthenticated) as caught:
            get(one)
        told += [repr(caught.value), *traceback.format_exception(caught.value), caplog.text]
        told += [repr(kept) for kept in gc.get_objects() if is_ours(kept)]
    assert not [text for text in told if SECRET in text or "token-1" in text]


def is_ours(kept: Any) -> bool:
    kind = type(kept)
    return str(kind.__module__).startswith("oaktreemodel.") and not issubclass(kind, Message)
