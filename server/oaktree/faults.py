"""Why a thing failed, in the cloud's own words.

Some services say it of the thing itself, others have to be asked. That there is no answer, or none
in time, hides nothing: what failed is told without a reason then.
"""

from __future__ import annotations

import asyncio
import logging
import time

from oaktree.errors import Refused
from oaktree.http import Reach
from oaktree.place import Place
from oaktree.reader import Found
from oaktree.row import Row

LOG = logging.getLogger(__name__)
# How long a cloud is asked for a reason.
SECONDS = 5.0


class _Asked(dict[tuple[str, str], asyncio.Task[str]]):
    """What a place is being asked now, by noun and id. All who wait for a thing learn of its
    failure at once, and one request is enough for them."""


async def of(place: Place, row: Row, found: Found, seconds: float | None) -> str:
    """What the cloud says of why a thing failed; empty if nothing, or nothing within so many
    seconds."""
    if row.fault is None:
        return ""
    asked, key = place.state(_Asked), (row.noun, found.id)
    asking = asked.get(key)
    if asking is None:
        asking = asked[key] = asyncio.create_task(_ask(place, row, found))
        asking.add_done_callback(lambda _: asked.pop(key))
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.shield(asking)
    except TimeoutError:
        return ""


async def _ask(place: Place, row: Row, found: Found) -> str:
    said: list[str] = []

    def ask() -> None:
        assert row.fault is not None
        for text in row.fault(place, found.message):
            said.append(text)

    try:
        async with asyncio.timeout(SECONDS):
            await place.run(Reach(time.monotonic() + SECONDS), ask)
    except (Refused, TimeoutError) as error:
        LOG.info("fault of %s %s on %s: %s", row.noun, found.id, place, error)
    return ": ".join(filter(None, said))
