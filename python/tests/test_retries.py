"""Reads and Creates are sent again when the server was not there; nothing else is."""

from __future__ import annotations

from typing import Any

import grpc
import oaktreemodel
import pytest
from fake import Oaktree, servers, status
from oaktreemodel import v1

AWAY = status(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
FORBIDDEN = status(grpc.StatusCode.PERMISSION_DENIED, "POLICY_FORBIDS")


def test_reads_are_sent_again(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("GetServer", AWAY, AWAY, v1.GetServerResponse(server=v1.Server(id="1")))
    assert client.servers.get("web").id == "1"
    assert len(oaktree.calls["GetServer"]) == 3


def test_streams_are_sent_again_before_the_first_item(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("ListServers", AWAY, [servers("a")])
    assert [one.name for one in client.servers.list()] == ["a"]
    assert len(oaktree.calls["ListServers"]) == 2


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
