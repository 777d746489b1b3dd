"""Calls to a deployer's oaktree, by stubs that show what they are told to."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
import requests
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from oaktree.democloud import DemoCloud
from oaktreemodel.v1 import (
    auth_pb2,
    auth_pb2_grpc,
    flavor_pb2,
    flavor_pb2_grpc,
    server_pb2,
    server_pb2_grpc,
)

from .deployed import Metadata


def flavor(channel: grpc.Channel, metadata: Metadata, *, fresh: bool = False, **where: str) -> str:
    request = flavor_pb2.GetFlavorRequest(name_or_id="m1.tiny")
    request.location.region = where.pop("region", "east")
    request.location.project.name = where.pop("project", "")
    if fresh:
        request.max_age.FromSeconds(0)
    stub = flavor_pb2_grpc.FlavorServiceStub(channel)
    found: str = stub.GetFlavor(request, metadata=metadata, timeout=30).flavor.name
    return found


def create_token(
    channel: grpc.Channel, credential: tuple[str, str], cloud: str = ""
) -> auth_pb2.CreateTokenResponse:
    request = auth_pb2.CreateTokenRequest(client_id=credential[0], client_secret=credential[1])
    request.location.cloud = cloud
    made: auth_pb2.CreateTokenResponse = auth_pb2_grpc.AuthServiceStub(channel).CreateToken(
        request, timeout=30
    )
    return made


def watch(channel: grpc.Channel, metadata: Metadata) -> Any:
    request = server_pb2.WatchServersRequest()
    request.location.region = "east"
    stub = server_pb2_grpc.ServerServiceStub(channel)
    call = stub.WatchServers(request, metadata=metadata, timeout=60)
    while next(call).mark != 2:  # SYNCED
        pass
    return call


def refusal(error: Any) -> tuple[grpc.StatusCode, str]:
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return error.code(), info.reason


def refused(function: Any, *arguments: Any, **named: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as raised:
        function(*arguments, **named)
    return refusal(raised.value)


def revoke(demo: DemoCloud, token: str) -> None:
    address = f"{demo.clouds['modern'].address}/identity/v3/auth/tokens"
    headers = {"X-Auth-Token": token, "X-Subject-Token": token}
    assert requests.delete(address, headers=headers, timeout=30).status_code == 204


def token_in(metadata: Metadata) -> str:
    return metadata[0][1].removeprefix("Bearer ")


def refused_now(channel: grpc.Channel, metadata: Metadata) -> grpc.StatusCode | None:
    try:
        flavor(channel, metadata)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return None
