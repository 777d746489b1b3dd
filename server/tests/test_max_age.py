"""How old a read may be, and that nobody misses what he wrote."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import oaktreemodel.aio
import pytest
from oaktree.democloud import DemoCloud

from .conftest import Running

LIST = "GET compute /flavors/detail"


async def _names(cloud: Any, max_age: float | None = None) -> list[str]:
    return [flavor.name async for flavor in cloud.flavors.list(max_age=max_age)]


async def test_a_read_asks_only_when_it_must(running: Running, demo: DemoCloud) -> None:
    async with oaktreemodel.aio.connect(running.address) as client:
        cloud = client.cloud("modern", region="east")
        await _names(cloud, 0)
        demo.reset_calls()
        for _ in range(5):
            await _names(cloud)
            assert (await cloud.flavors.get("m1.tiny")).name == "m1.tiny"
        assert demo.calls()[LIST] == 0
        await _names(cloud, 0)
        await cloud.flavors.get("m1.tiny", max_age=0)
        assert demo.calls()[LIST] >= 1
        # What is not in the list may be there nevertheless.
        with pytest.raises(oaktreemodel.NotFound):
            await cloud.flavors.get("no such")


async def test_a_crowd_shares_one_request(running: Running, demo: DemoCloud) -> None:
    async with oaktreemodel.aio.connect(running.address) as client:
        cloud = client.cloud("modern", region="east")
        expected = await _names(cloud, 0)
        demo.fault(
            "modern", "delay", service="compute", path="/flavors/detail", seconds=0.5, times=None
        )
        demo.reset_calls()
        for names in await asyncio.gather(*(_names(cloud, 0) for _ in range(50))):
            assert names == expected
        # The first goes at once; those who came while it was on its way share the second.
        assert demo.calls()[LIST] <= 3


async def test_a_crowd_of_gets_is_answered_by_lists(running: Running, demo: DemoCloud) -> None:
    ids = demo.add_servers("modern", "east", 60)
    async with oaktreemodel.aio.connect(running.address) as client:
        cloud = client.cloud("modern", region="east")
        await cloud.servers.get(ids[0], max_age=0)
        demo.reset_calls()
        for age in (None, 0):
            got = await asyncio.gather(*(cloud.servers.get(one, max_age=age) for one in ids))
            assert [server.id for server in got] == ids
        asked = demo.calls()
        assert asked["GET compute /servers/detail"] >= 2
        # Of 120 Gets only the first few of every two seconds ask for themselves.
        assert sum(asked.values()) < len(ids)


async def test_a_list_that_fails_hides_no_single_thing(running: Running, demo: DemoCloud) -> None:
    ids = demo.add_servers("modern", "west", 20)
    demo.fault("modern", "status", path="/servers/detail", region="west", times=None)
    async with oaktreemodel.aio.connect(running.address) as client:
        cloud = client.cloud("modern", region="west")
        got = await asyncio.gather(*(cloud.servers.get(one, max_age=0) for one in ids))
    assert [server.id for server in got] == ids


async def test_one_who_leaves_a_crowd_takes_nobody_along(running: Running, demo: DemoCloud) -> None:
    async with oaktreemodel.aio.connect(running.address) as client:
        cloud = client.cloud("modern", region="east")
        expected = await _names(cloud, 0)
        demo.fault("modern", "delay", service="compute", path="/flavors/detail", seconds=0.5)
        first = asyncio.create_task(_names(cloud, 0))
        second = asyncio.create_task(_names(cloud))
        await asyncio.sleep(0.2)
        first.cancel()
        assert await second == expected


async def test_nobody_misses_his_own_write(running: Running) -> None:
    """Random writes and reads by several callers at once, each with his own volumes."""
    dice = random.Random(20261121)
    async with oaktreemodel.aio.connect(running.address) as client:
        cloud = client.cloud("modern", region="west")

        async def caller(number: int) -> None:
            mine: set[str] = set()
            for step in range(12):
                if mine and dice.random() < 0.3:
                    gone = mine.pop()
                    await cloud.volumes.wait(gone, timeout=30)
                    await cloud.volumes.delete(gone)
                    await cloud.volumes.wait(gone, until="deleted", timeout=30)
                else:
                    made = await cloud.volumes.create(name=f"c{number}-{step}", size_gib=1)
                    mine.add(made.id)
                age = dice.choice([None, 0, 30])
                listed = {v.id async for v in cloud.volumes.list(max_age=age)}
                assert mine <= listed
                for volume in mine:
                    assert (await cloud.volumes.get(volume, max_age=age)).id == volume
            for volume in mine:
                await cloud.volumes.wait(volume, timeout=30)
                await cloud.volumes.delete(volume)

        await asyncio.gather(*(caller(number) for number in range(4)))
