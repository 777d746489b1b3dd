"""A change that comes twice while it is under way."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from oaktree import http
from oaktree.brought import ended
from oaktree.errors import Refused
from oaktree.once import Once
from oaktreemodel.v1 import server_pb2


async def test_who_repeats_knows_that_it_has_begun() -> None:
    """Else he is told that nothing was done, and what he then sends is done once more."""
    once, begun, go = Once(), asyncio.Event(), asyncio.Event()
    request = server_pb2.CreateServerRequest(request_id=str(uuid.uuid4()))

    async def work() -> bytes:
        patience = http.patience.get()
        assert patience is not None
        patience.has_begun = True
        begun.set()
        await go.wait()
        raise ended()

    async def call() -> bool:
        http.patience.set(http.Patience(None))
        if begun.is_set():
            asyncio.get_running_loop().call_soon(go.set)
        with pytest.raises(Refused):
            await once.run(("CreateServer",), request, work)
        return http.has_begun()

    first = asyncio.create_task(call())
    await begun.wait()
    assert all(await asyncio.gather(first, call()))
