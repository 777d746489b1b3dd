"""What callers share, though nothing of theirs is in it: threads, sessions and refusals."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
import requests
from oaktree.admission import Admission
from oaktree.clouds import Clouds
from oaktree.democloud import DemoCloud
from oaktree.deployment import read
from oaktree.errors import Refused, unauthenticated
from oaktree.identity import Identity
from oaktreemodel.v1 import server_pb2, server_pb2_grpc
from oaktreemodel.v1.location_pb2 import Location

from .deployed import Deployed, showing
from .told import until


@pytest.fixture
def deployed(demo: DemoCloud, tmp_path: Path) -> Iterator[Deployed]:
    running = Deployed(demo, tmp_path, ("modern", "direct"), token_check_seconds=600)
    yield running
    running.stop()


async def test_a_cloud_that_hangs_holds_up_nobody_elses_servers(
    deployed: Deployed, demo: DemoCloud
) -> None:
    """Of servers more is read than their list says; by one caller while another waits for it."""
    for cloud, region in (("modern", "east"), ("direct", "RegionOne")):
        demo.add_servers(cloud, region, 1)
    demo.reset_calls()
    demo.fault("modern", "delay", service="compute", path="/flavors", times=None, seconds=60)
    async with grpc.aio.insecure_channel(deployed.address) as channel:
        stub: Any = server_pb2_grpc.ServerServiceStub(channel)

        async def listed(cloud: str, region: str) -> int:
            request = server_pb2.ListServersRequest(location=Location(cloud=cloud, region=region))
            metadata = deployed.metadata(cloud=cloud)
            answers = stub.ListServers(request, metadata=metadata, timeout=30)
            return sum([len(answer.servers) async for answer in answers])

        hanging = asyncio.create_task(listed("modern", "east"))
        await until(lambda: demo.calls("modern")["GET compute /flavors"] > 0)
        assert await listed("direct", "RegionOne") == 1
        assert not hanging.done()
        hanging.cancel()


async def test_the_end_of_one_token_is_nothing_to_who_shows_another(
    deployed: Deployed, demo: DemoCloud
) -> None:
    """One user's two programs share what is asked of the cloud, and one of them logs out."""
    east = Location(cloud="modern", region="east")
    (server,) = demo.add_servers("modern", "east", 1)
    demo.alter("modern", "east", "servers", server, status="BUILD")
    # Which of them is shown for both is the one that lasts longer.
    lasting, ending = deployed.token(), deployed.token()
    async with grpc.aio.insecure_channel(deployed.address) as channel:
        stub: Any = server_pb2_grpc.ServerServiceStub(channel)

        async def wait(token: str, seen: list[str]) -> None:
            request = server_pb2.WaitServerRequest(location=east, name_or_id=server)
            async for answer in stub.WaitServer(request, metadata=showing(token), timeout=60):
                seen.append(answer.server.status)

        first: list[str] = []
        second: list[str] = []
        ended = asyncio.create_task(wait(ending, first))
        await until(lambda: bool(first))
        waiting = asyncio.create_task(wait(lasting, second))
        await until(lambda: bool(second))
        headers = {"X-Auth-Token": ending, "X-Subject-Token": ending}
        url = f"{demo.clouds['modern'].address}/identity/v3/auth/tokens"
        await asyncio.to_thread(partial(requests.delete, url, headers=headers, timeout=60))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await ended
        assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED
        demo.alter("modern", "east", "servers", server, status="ACTIVE")
        await waiting
        assert second[-1] == "ACTIVE"


def depth(error: BaseException) -> int:
    return len(list(traceback.walk_tb(error.__traceback__)))


def test_a_refusal_that_is_kept_keeps_no_call_alive() -> None:
    """What is raised again and again would hold all that those who met it were at."""
    broken = Clouds({"broken": unauthenticated("it is")})
    depths = []
    for _ in range(3):
        with pytest.raises(Refused) as raised:
            broken.regions("broken")
        depths.append(depth(raised.value))
    assert len(set(depths)) == 1


async def test_a_wrong_token_that_is_kept_keeps_no_call_alive(deployed: Deployed) -> None:
    gate = Admission(read(deployed.path))
    gate.open("")
    depths = []
    for _ in range(4):
        with pytest.raises(Refused) as raised:
            await gate.admit(showing("wrong"), "ipv4:192.0.2.1:1")
        depths.append(depth(raised.value))
    # The first is what the identity service said.
    assert len(set(depths[1:])) == 1
    await gate.close(0)


class _Sets(BaseHTTPRequestHandler):
    """Wants to be known by a cookie."""

    came: list[str | None]

    def do_GET(self) -> None:
        self.came.append(self.headers["Cookie"])
        self.send_response(404)
        self.send_header("Set-Cookie", "session=one")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_no_cookie_of_one_caller_is_sent_with_another(deployed: Deployed) -> None:
    _Sets.came = []
    with HTTPServer(("127.0.0.1", 0), _Sets) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cloud: Any = SimpleNamespace(
            auth_url=f"http://127.0.0.1:{server.server_port}",
            regions=read(deployed.path).clouds["modern"].regions,
        )
        identity = Identity("modern", cloud)
        for token in ("one", "another"):
            with pytest.raises(Refused):
                identity.look(token)
        identity.close()
        server.shutdown()
    assert _Sets.came == [None, None]
