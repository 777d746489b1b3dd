"""What is wrong with a request is told by field, with the fix, and nothing is made."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
import oaktreemodel
import pytest
from google.rpc import error_details_pb2, status_pb2
from oaktree.democloud import DemoCloud
from oaktreemodel.v1 import floating_ip_pb2, location_pb2, server_pb2, server_pb2_grpc

from .conftest import Running

IMAGE: dict[str, Any] = {"image": "cirros", "flavor": "m1.tiny"}

REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("servers", "create", {"flavor": "m1.tiny", "image": "cirros"}, "name"),
    ("servers", "create", {"name": "a", "flavor": "m1.tiny"}, "image"),
    ("servers", "create", {"name": "a", "image": "x", "boot_volume": "y"}, "flavor"),
    ("servers", "create", {"name": "a", "boot_volume": "y", **IMAGE}, "boot_volume"),
    ("servers", "create", {"name": "a", "nics": [{}], **IMAGE}, "nics[0]"),
    ("servers", "create", {"name": "a", "user_data": b"x" * 1_000_000, **IMAGE}, "user_data"),
    ("servers", "create", {"name": "a", "request_id": "nonsense", **IMAGE}, "request_id"),
    ("servers", "create", {"name": "a", "metadata": {"oaktree_x": "1"}, **IMAGE}, "metadata"),
    (
        "servers",
        "create",
        {"name": "a", "nics": [{"network": "private", "fixed_ip": "10.0.0.999"}], **IMAGE},
        "nics[0].fixed_ip",
    ),
    (
        "servers",
        "create",
        {"name": "a", "boot_from_volume": True, "boot_volume_size_gib": -1, **IMAGE},
        "boot_volume_size_gib",
    ),
    ("servers", "get", {"name_or_id": ""}, "name_or_id"),
    ("volumes", "create", {"name": "a"}, "size_gib"),
    ("volumes", "create", {"name": "a", "size_gib": -1}, "size_gib"),
    ("volumes", "create", {"name": "a", "size_gib": 0}, "size_gib"),
    ("keypairs", "create", {"name": "a", "public_key": "not a key"}, "public_key"),
    ("keypairs", "create", {"name": "oaktree-mine"}, "name"),
    ("images", "create", {"name": "a", "properties": {"visibility": "public"}}, "properties"),
    ("ports", "create", {"network": "private", "mac_address": "12:34"}, "mac_address"),
    (
        "ports",
        "create",
        {"network": "private", "allowed_address_pairs": [{"ip_address": "10.0.0.0/99"}]},
        "allowed_address_pairs[0].ip_address",
    ),
    ("floating_ips", "create", {"floating_ip_address": "1.2.3"}, "floating_ip_address"),
    ("floating_ips", "delete_unattached", {}, "unused_for"),
]


@pytest.mark.parametrize(("collection", "method", "arguments", "field"), REFUSED)
def test_the_field_is_named(
    client: oaktreemodel.Client,
    demo: DemoCloud,
    collection: str,
    method: str,
    arguments: dict[str, Any],
    field: str,
) -> None:
    cloud = client.cloud("modern", region="east")
    cloud.flavors.get("m1.tiny")
    demo.reset_calls()
    with pytest.raises(oaktreemodel.InvalidArgument) as caught:
        getattr(getattr(cloud, collection), method)(**arguments)
    assert field in caught.value.fields
    # The reader of the message learns the field and what to do from it alone.
    assert field in str(caught.value)
    assert not [call for call in demo.calls() if call.startswith(("POST", "PUT", "DELETE"))]


ABSENT: list[tuple[str, dict[str, Any], str]] = [
    ("servers", {"name": "a", "image": "no such", "flavor": "m1.tiny"}, "image 'no such'"),
    ("servers", {"name": "a", "image": "cirros", "flavor": "no such"}, "flavor 'no such'"),
    ("servers", {"name": "a", "nics": [{"network": "no such"}], **IMAGE}, "network 'no such'"),
    ("ports", {"network": "no such"}, "network 'no such'"),
    ("volumes", {"name": "a", "size_gib": 1, "image": "no such"}, "image 'no such'"),
    ("floating_ips", {"port": "no such"}, "port 'no such'"),
]


@pytest.mark.parametrize(("collection", "arguments", "what"), ABSENT)
def test_what_is_not_there_is_named(
    client: oaktreemodel.Client, collection: str, arguments: dict[str, Any], what: str
) -> None:
    cloud = client.cloud("modern", region="east")
    with pytest.raises(oaktreemodel.NotFound) as caught:
        getattr(cloud, collection).create(**arguments)
    assert what in str(caught.value)


@pytest.mark.parametrize("name", [".", "..", "../servers", "%2e%2e", "a\nb", "a\0b", "ü" * 300])
def test_an_odd_name_is_a_name(client: oaktreemodel.Client, name: str) -> None:
    cloud = client.cloud("modern", region="east")
    for things in (cloud.keypairs, cloud.flavors, cloud.servers):
        with pytest.raises(oaktreemodel.NotFound):
            things.get(name, max_age=0)


def test_an_unknown_place_is_told_the_choices(client: oaktreemodel.Client) -> None:
    for scope, reason, choices in [
        (client.cloud("nowhere"), "CLOUD_UNKNOWN", ("direct", "kilo", "modern")),
        (client.cloud("modern", region="north"), "REGION_UNKNOWN", ("east", "west")),
        (client.cloud("modern"), "CHOICE_NEEDED", ("east", "west")),
        (client, "CHOICE_NEEDED", ("direct", "kilo", "modern")),
    ]:
        with pytest.raises(oaktreemodel.InvalidArgument) as caught:
            scope.flavors.get("m1.tiny")
        assert caught.value.reason == reason
        assert all(choice in str(caught.value) for choice in choices)
    with pytest.raises(oaktreemodel.InvalidArgument):
        list(client.cloud("nowhere").flavors.list())


def _status(error: Any) -> tuple[status_pb2.Status, error_details_pb2.ErrorInfo]:
    trailers: dict[str, bytes] = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    return status, info


def _with_unknown(message: Any, number: int = 999) -> Any:
    """The message as a newer tree's client would send it: with one field more."""
    return type(message).FromString(
        message.SerializeToString() + bytes([number << 3 & 0x7F | 0x80, number >> 4, 1])
    )


def test_a_field_from_a_newer_tree_is_refused(running: Running, demo: DemoCloud) -> None:
    location = location_pb2.Location(cloud="modern", region="east")
    bulk = floating_ip_pb2.DeleteUnattachedFloatingIpsRequest(location=location)
    bulk.unused_for.seconds = 0
    nested = server_pb2.GetServerRequest(name_or_id="x")
    nested.location.CopyFrom(_with_unknown(location))
    wait = server_pb2.WaitServerRequest(location=location, name_or_id="x", until=77)  # type: ignore[arg-type]
    with grpc.insecure_channel(running.address) as channel:
        stub = server_pb2_grpc.ServerServiceStub(channel)
        calls: list[Any] = [
            lambda: stub.GetServer(nested),
            lambda: list(stub.WaitServer(wait)),
            lambda: channel.unary_unary(
                "/oaktreemodel.v1.FloatingIpService/DeleteUnattachedFloatingIps"
            )(_with_unknown(bulk).SerializeToString()),
        ]
        for call in calls:
            demo.reset_calls()
            with pytest.raises(grpc.RpcError) as caught:
                call()
            status, info = _status(caught.value)
            assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
            assert (info.reason, info.domain) == ("UNKNOWN_FIELD", "oaktree")
            assert status.code == grpc.StatusCode.UNIMPLEMENTED.value[0]
            assert not demo.calls()


def test_what_is_no_request_gets_a_status_of_ours(running: Running) -> None:
    with grpc.insecure_channel(running.address) as channel:
        call: Any = channel.unary_unary("/oaktreemodel.v1.ServerService/GetServer")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\xff\xff\xff")
        assert _status(caught.value)[1].reason == "INVALID_ARGUMENT"
        call = channel.unary_unary("/oaktreemodel.v1.ServerService/NoSuchCall")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"")
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_reused_id_is_told_apart_from_a_name(client: oaktreemodel.Client) -> None:
    with pytest.raises(oaktreemodel.NotFound):
        client.cloud("modern", region="east").servers.get(str(uuid.uuid4()))
