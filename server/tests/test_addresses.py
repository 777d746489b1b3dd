"""Where requests go: to the clouds of the configuration, whatever callers and clouds say."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import grpc
import pytest
from oaktree.democloud import DemoCloud
from oaktree.reader import next_query
from oaktreemodel.v1 import auth_pb2, auth_pb2_grpc
from urllib3.util import connection

from .deployed import Deployed
from .test_fuzz import Fuzz
from .test_gate import reason


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The ports that requests go to; to another host than this there may be none."""
    ports = set()
    connect = connection.create_connection

    def recorded(address: tuple[str, int], *arguments: Any, **named: Any) -> Any:
        host, port = address
        assert host == "127.0.0.1"
        ports.add(port)
        return connect(address, *arguments, **named)

    monkeypatch.setattr(connection, "create_connection", recorded)
    return ports


def ports(demo: DemoCloud) -> set[int]:
    return {int(cloud.address.rpartition(":")[2]) for cloud in demo.clouds.values()}


async def test_no_request_leads_elsewhere(
    demo: DemoCloud, tmp_path: Path, connected: set[int]
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    one = await asyncio.to_thread(Deployed, demo, tmp_path)
    fuzz = Fuzz(one.address, await asyncio.to_thread(one.token), seed)
    await fuzz.requests(50_000)
    await asyncio.to_thread(one.stop)
    assert fuzz.answers["OK"]
    assert connected <= ports(demo)


@pytest.mark.parametrize("cloud", ["http://127.0.0.1:1/v3", "127.0.0.1:1", "a@127.0.0.1", ".."])
def test_credentials_go_to_no_other_cloud(
    demo: DemoCloud, tmp_path: Path, connected: set[int], cloud: str
) -> None:
    request = auth_pb2.CreateTokenRequest(client_id="one", client_secret="two")
    request.location.cloud = cloud
    one = Deployed(demo, tmp_path)
    with (
        grpc.insecure_channel(one.address) as channel,
        pytest.raises(grpc.RpcError) as raised,
    ):
        auth_pb2_grpc.AuthServiceStub(channel).CreateToken(request, timeout=60)
    one.stop()
    assert reason(raised.value) == "CLOUD_UNKNOWN"
    assert not connected


@pytest.mark.parametrize(
    "link", ["http://thief.example/v2/images?marker=1", "//thief.example?marker=1", "?marker=1"]
)
def test_a_list_goes_on_where_it_began(link: str) -> None:
    query = {"marker": "1"}
    assert next_query({"images": [], "next": link}, "images") == query
    links = [{"rel": "next", "href": link}]
    assert next_query({"servers": [], "servers_links": links}, "servers") == query
