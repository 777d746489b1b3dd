"""Several at once, through the asyncio client: each gets what it asked for, and all of it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import oaktreemodel.aio

from .conftest import SERVER
from .itself import Itself

SERVERS = 6


async def test_servers_side_by_side(
    address: str, other: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    real = itself("other")
    async with oaktreemodel.aio.connect(address) as client:
        cloud = client.cloud("devstack-other")

        async def make(number: int) -> Any:
            # The same name for all, so that nothing may go by it.
            server = await cloud.servers.create(name=name, metadata={"n": str(number)}, **SERVER)
            return await cloud.servers.wait(server.id, timeout=240)

        async def gone(server: Any) -> None:
            await cloud.servers.delete(server.id)
            await cloud.servers.wait(server.id, until="deleted", timeout=240)

        servers = await asyncio.gather(*map(make, range(SERVERS)))
        assert [server.metadata["n"] for server in servers] == [str(n) for n in range(SERVERS)]
        assert len({server.public_v4 for server in servers} - {""}) == SERVERS
        listed = [server async for server in cloud.servers.list(where={"name": name}, max_age=0)]
        assert {server.id for server in listed} == {server.id for server in servers}
        things = {key: word for one in servers for key, word in real.hangs_off(one.id).items()}
        assert len([key for key in things if key[0] == "floating IP"]) == SERVERS
        await asyncio.gather(*map(gone, servers))
    assert not real.still(things)
