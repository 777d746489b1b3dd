"""Requests that are refused before anything is asked of a cloud."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from hypothesis import given
from hypothesis import strategies as st
from oaktree import models
from oaktree.errors import Refused
from oaktree.validate import USER_DATA_LIMIT, check, need, refuse_unknown
from oaktreemodel.v1 import (
    error_pb2,
    floating_ip_pb2,
    image_pb2,
    keypair_pb2,
    port_pb2,
    server_pb2,
    volume_pb2,
)
from oaktreemodel.v1.common_pb2 import MapUpdate, StringList
from oaktreemodel.v1.filter_pb2 import Filter

# What a newer tree has more: a field in every message, a value in every enum.
NEWER_FIELD, NEWER_VALUE = 1999, 999


def _newer_message(message: descriptor_pb2.DescriptorProto) -> None:
    for inner in message.nested_type:
        _newer_message(inner)
    for enum in message.enum_type:
        enum.value.add(name=f"{message.name}_{enum.name}_NEWER", number=NEWER_VALUE)
    if not message.options.map_entry:
        kind = descriptor_pb2.FieldDescriptorProto
        message.field.add(
            name="newer", number=NEWER_FIELD, type=kind.TYPE_BOOL, label=kind.LABEL_OPTIONAL
        )


def _newer_pool() -> descriptor_pool.DescriptorPool:
    pool, added = descriptor_pool.DescriptorPool(), set[str]()

    def add(file: Any) -> None:
        if file.name in added:
            return
        added.add(file.name)
        for dependency in file.dependencies:
            add(dependency)
        proto = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(proto)
        if file.package == models.PACKAGE:
            for message in proto.message_type:
                _newer_message(message)
            for enum in proto.enum_type:
                enum.value.add(name=f"{enum.name}_NEWER", number=NEWER_VALUE)
        pool.Add(proto)

    for file in models.files():
        add(file)
    return pool


NEWER = _newer_pool()


def newer_requests(descriptor: Descriptor, depth: int) -> Iterator[tuple[str, Message]]:
    """Messages of the newer tree, each with one thing more than the older one knows."""
    make = message_factory.GetMessageClass(descriptor)
    for field in descriptor.fields:
        inner = field.message_type
        if field.name == "newer":
            yield "newer", make(newer=True)
        elif field.enum_type is not None:
            made: Any = make()
            if field.is_repeated:
                getattr(made, field.name).append(NEWER_VALUE)
            else:
                setattr(made, field.name, NEWER_VALUE)
            yield field.name, made
        elif inner is not None and inner.file.package == models.PACKAGE and depth:
            if inner.GetOptions().map_entry:
                continue
            for path, one in newer_requests(inner, depth - 1):
                made = make()
                if field.is_repeated:
                    # Not in the first of several.
                    getattr(made, field.name).add()
                    getattr(made, field.name).append(one)
                else:
                    getattr(made, field.name).CopyFrom(one)
                yield f"{field.name}.{path}", made


REQUESTS = {rpc.name: rpc.request for rpc in models.rpcs().values()}


@pytest.mark.parametrize("name", REQUESTS)
def test_what_a_newer_client_sends_more_is_refused_at_any_depth(name: str) -> None:
    older = REQUESTS[name]
    descriptor = NEWER.FindMessageTypeByName(older.DESCRIPTOR.full_name)
    cases = list(newer_requests(descriptor, 3))
    assert "newer" in dict(cases)
    for path, newer in cases:
        request = older.FromString(newer.SerializeToString())
        with pytest.raises(Refused) as raised:
            refuse_unknown(request)
        assert raised.value.code == grpc.StatusCode.UNIMPLEMENTED, path
        assert raised.value.reason == error_pb2.Reason.REASON_UNKNOWN_FIELD
        number = NEWER_FIELD if path.endswith("newer") else NEWER_VALUE
        assert str(number) in raised.value.message


def test_the_walk_reaches_what_is_nested() -> None:
    descriptor = NEWER.FindMessageTypeByName(f"{models.PACKAGE}.ListServersRequest")
    paths = set(dict(newer_requests(descriptor, 3)))
    assert {"location.newer", "location.project.newer", "where.newer", "where.op"} <= paths


@pytest.mark.parametrize("name", REQUESTS)
def test_what_is_known_is_not_refused(name: str) -> None:
    refuse_unknown(REQUESTS[name]())
    check(REQUESTS[name]())


def test_a_full_request_is_not_refused() -> None:
    request = server_pb2.CreateServerRequest(
        request_id=str(uuid.uuid4()),
        name="web",
        nics=[server_pb2.ServerNic(network="n", fixed_ip="10.0.0.3")],
        user_data=b"#!/bin/sh\n",
        metadata={"a.b": "c", "myoaktree_": ""},
        tags=["blue"],
        boot_volume_size_gib=10,
    )
    refuse_unknown(request)
    check(request)
    listing = server_pb2.ListServersRequest(where=[Filter(path=["a"], op=Filter.OP_NOT)])
    refuse_unknown(listing)
    check(listing)


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3sU0gc3cVgYz4aYnOmAPB8Wm7vS7cBn0zGgQ8jHk5z me@home"
Server, Port = server_pb2.CreateServerRequest, port_pb2.CreatePortRequest
Address = floating_ip_pb2.UpdateFloatingIpRequest
Keypair, Volume = keypair_pb2.CreateKeypairRequest, volume_pb2.CreateVolumeRequest

# What is refused, the field that is named, some of what is said.
WRONG: list[tuple[Message, str, str]] = [
    (Server(request_id="7"), "request_id", "UUID"),
    (Server(nics=[server_pb2.ServerNic(fixed_ip="10.0.0")]), "nics[0].fixed_ip", "'10.0.0'"),
    (Server(boot_volume_size_gib=-1), "boot_volume_size_gib", "negative"),
    (Server(metadata={"oaktree_auto_ip": "x"}), "metadata", "oaktree_"),
    (Server(tags=["a", "oaktree_x"]), "tags", "oaktree_"),
    (Server(user_data=b"x" * 5_000_000), "user_data", str(USER_DATA_LIMIT)),
    (
        server_pb2.UpdateServerRequest(metadata=MapUpdate(set={"oaktree_x": ""})),
        "metadata",
        "oaktree_",
    ),
    (
        server_pb2.UpdateServerRequest(metadata=MapUpdate(remove=["oaktree_x"])),
        "metadata",
        "oaktree_",
    ),
    (
        server_pb2.UpdateServerRequest(tags=StringList(values=["oaktree_x"])),
        "tags",
        "oaktree_",
    ),
    (server_pb2.UpdateServerRequest(access_ipv4="2001:db8::1"), "access_ipv4", "IPv4"),
    (server_pb2.UpdateServerRequest(access_ipv6="192.0.2.1"), "access_ipv6", "IPv6"),
    (server_pb2.GetServerConsoleOutputRequest(line_count=-1), "line_count", "negative"),
    (server_pb2.GetServerRequest(max_age=Duration(seconds=-1)), "max_age", "negative"),
    (server_pb2.GetServerRequest(max_age=Duration(nanos=-1000)), "max_age", "negative"),
    (Port(mac_address="fa:16:3e:00:00"), "mac_address", "hardware address"),
    (Port(mac_address="fa:16:3e:00:00:0g"), "mac_address", "hardware address"),
    (
        Port(fixed_ips=[port_pb2.PortFixedIpChoice(), port_pb2.PortFixedIpChoice(ip_address="x")]),
        "fixed_ips[1].ip_address",
        "'x'",
    ),
    (
        Port(allowed_address_pairs=[port_pb2.PortAddressPair(ip_address="10.0.0.0/33")]),
        "allowed_address_pairs[0].ip_address",
        "CIDR",
    ),
    (Address(fixed_ip_address="300.0.0.1"), "fixed_ip_address", "300.0.0.1"),
    (Keypair(public_key="hello"), "public_key", "authorized_keys"),
    (Keypair(public_key="ssh-rsa"), "public_key", "authorized_keys"),
    (Keypair(public_key="-----BEGIN OPENSSH PRIVATE KEY-----\nx"), "public_key", "private"),
    (Volume(size_gib=0), "size_gib", "at least 1"),
    (Volume(size_gib=-1), "size_gib", "negative"),
    (image_pb2.CreateImageRequest(min_disk_gib=-1), "min_disk_gib", "negative"),
    (image_pb2.CreateImageRequest(properties={"oaktree_x": "1"}), "properties", "oaktree_"),
]


@pytest.mark.parametrize(("request_", "field", "told"), WRONG)
def test_what_will_not_do_is_named(request_: Message, field: str, told: str) -> None:
    with pytest.raises(Refused) as raised:
        check(request_)
    assert raised.value.reason == error_pb2.Reason.REASON_INVALID_ARGUMENT
    assert told in raised.value.message
    (bad,) = raised.value.details
    assert isinstance(bad, error_details_pb2.BadRequest)
    assert [v.field for v in bad.field_violations] == [field]


RIGHT: list[Message] = [
    Port(mac_address="fa:16:3e:00:00:0f"),
    Port(allowed_address_pairs=[port_pb2.PortAddressPair(ip_address="10.0.0.0/24")]),
    Port(allowed_address_pairs=[port_pb2.PortAddressPair(ip_address="10.0.0.7/24")]),
    Keypair(public_key=KEY),
    Keypair(public_key=f"  {KEY}\n"),
    Keypair(public_key="-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"),
    server_pb2.UpdateServerRequest(access_ipv4=""),
    server_pb2.UpdateServerRequest(metadata=MapUpdate(replace=True)),
    Volume(size_gib=1),
]


@pytest.mark.parametrize("request_", RIGHT)
def test_what_will_do_passes(request_: Message) -> None:
    check(request_)


@given(st.ip_addresses())
def test_any_address_of_the_right_version_will_do(address: IPv4Address | IPv6Address) -> None:
    check(Port(fixed_ips=[port_pb2.PortFixedIpChoice(ip_address=str(address))]))
    for version in (4, 6):
        request: Any = server_pb2.UpdateServerRequest()
        setattr(request, f"access_ipv{version}", str(address))
        if address.version == version:
            check(request)
        else:
            with pytest.raises(Refused):
                check(request)


@given(st.binary(max_size=60_000))
def test_user_data_fits_as_long_as_it_does_once_encoded(data: bytes) -> None:
    fits = (len(data) + 2) // 3 * 4 <= USER_DATA_LIMIT
    try:
        check(Server(user_data=data))
    except Refused:
        assert not fits
    else:
        assert fits


def test_the_largest_user_data_that_fits() -> None:
    largest = USER_DATA_LIMIT // 4 * 3
    check(Server(user_data=b"x" * largest))
    with pytest.raises(Refused):
        check(Server(user_data=b"x" * (largest + 1)))


@given(st.uuids())
def test_any_uuid_will_do(value: uuid.UUID) -> None:
    for written in (str(value), str(value).upper(), value.hex):
        check(Server(request_id=written))


@pytest.mark.parametrize(
    "written",
    ["{%s}", "urn:uuid:%s", " %s", "%s\n", "%s-", "\r\n%s"],
)
def test_what_only_holds_a_uuid_is_refused(written: str) -> None:
    with pytest.raises(Refused, match="request_id"):
        check(Server(request_id=written % uuid.uuid4()))


@pytest.mark.parametrize(
    "value", ["０" * 32, "0_" * 15 + "00", "0-" * 16 + "0" * 16, "+" + "0" * 31]
)
def test_what_looks_like_a_uuid_is_refused(value: str) -> None:
    with pytest.raises(Refused, match="request_id"):
        check(Server(request_id=value))


@given(st.text(min_size=1, max_size=31))
def test_what_is_shorter_than_a_uuid_is_refused(value: str) -> None:
    with pytest.raises(Refused, match="request_id"):
        check(Server(request_id=value))


def test_what_is_needed_is_named() -> None:
    need(Server(name="web", flavor="m1.tiny"), "name", "flavor")
    with pytest.raises(Refused, match="flavor: is missing"):
        need(Server(name="web"), "name", "flavor")
