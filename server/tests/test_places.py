"""Places: what goes wrong at one service is no other's business."""

from __future__ import annotations

import asyncio
from pathlib import Path

import oaktreemodel.aio
from oaktree.democloud import DemoCloud
from oaktree.democloud.faults import VERSIONS

from .conftest import Running
from .told import until


async def test_a_service_that_hangs_at_first_use_holds_up_no_other(
    clouds_yaml: Path, demo: DemoCloud
) -> None:
    demo.fault("modern", "silent", service="compute", path=VERSIONS, times=None)
    server = Running(clouds_yaml, ("modern",))
    try:
        async with oaktreemodel.aio.connect(server.address) as client:
            cloud = client.cloud("modern", region="east")
            demo.reset_calls()
            hanging = asyncio.create_task(cloud.servers.get("any", max_age=0))
            await until(lambda: demo.calls()[f"GET compute {VERSIONS}"] > 0)
            assert [image async for image in cloud.images.list(max_age=0, timeout=30)]
            assert not hanging.done()
            hanging.cancel()
            await asyncio.wait([hanging])
    finally:
        server.stop()
