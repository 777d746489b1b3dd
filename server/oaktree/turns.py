"""Long work on the event loop, with a turn for everybody else now and then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
# Things that are looked at in one go.
SLICE = 250


async def slices(things: Iterable[T]) -> AsyncIterator[list[T]]:
    """All of the things, some at a time."""
    rest = iter(things)
    while some := list(islice(rest, SLICE)):
        yield some
        await asyncio.sleep(0)
