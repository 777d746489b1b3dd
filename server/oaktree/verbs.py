"""The standard verbs, once for every resource."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from oaktreemodel.v1.error_pb2 import Failure, Reason
from oaktreemodel.v1.location_pb2 import Location

from oaktree import filters, repeats, validate, wire
from oaktree.call import Call
from oaktree.errors import Refused, not_found
from oaktree.find import find, noun_of
from oaktree.place import Place, place_for
from oaktree.reader import Found, Reader
from oaktree.row import Made
from oaktree.translate import translate

LOG = logging.getLogger(__name__)
# How old a read's answer may be when nobody says, in seconds.
MAX_AGE = 2.0


async def list_all(call: Call, reader: Reader) -> AsyncIterator[bytes]:
    """Every place's items as they arrive, and a Failure for each place that has none to give."""
    test = filters.wanted(reader.descriptor, call.request, bool(reader.row.zone_key))
    everybody = getattr(call.request, "all_projects", False)

    async def one(place: Place) -> AsyncIterator[bytes]:
        fetch = call.caller.listings.of(place, reader, everybody).fetch(max_age(call.request))
        if not fetch.done:
            place.check_turn(call.reach)
        elif test is None and fetch.error is None:
            for batch in fetch.batches():
                yield batch
            return
        end = b""
        async for page in fetch.read():
            end = end or wire.as_of(fetch.asked)
            if test is not None:
                page = [found for found in page if test(found.message)]
            for batch in wire.batches([found.wire for found in page], end):
                yield batch

    async for response in over_places(call, one):
        yield response


def max_age(request: Any) -> float:
    """How old the answer to a read may be, in seconds."""
    if not request.HasField("max_age"):
        return MAX_AGE
    return float(request.max_age.seconds + request.max_age.nanos / 1e9)


async def over_places(
    call: Call, one: Callable[[Place], AsyncIterator[bytes]]
) -> AsyncIterator[bytes]:
    """What every place that the call covers gives, side by side. A place that fails is a Failure in
    the stream; where the call names the place, the call fails."""
    location = call.request.location
    places, failures = call.caller.clouds.every(location)
    for where, refused in failures:
        yield failure(where, refused)
    if location.cloud and location.region:
        place = await place_for(places[0], location)
        async for response in one(place):
            yield response
        return
    # Small: a reader that is slow holds up the asking instead of filling memory.
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(2)

    async def ask(place: Place) -> None:
        try:
            async for response in one(await place_for(place, location)):
                await queue.put(response)
        except Exception as error:
            refused = translate(error).at(cloud=place.cloud, region=place.region)
            await queue.put(failure(place.location(), refused))
        await queue.put(None)

    # No TaskGroup: it would hand on the end of a stream that its reader leaves as an error.
    tasks = [asyncio.create_task(ask(place)) for place in places]
    try:
        left = len(tasks)
        while left:
            answer = await queue.get()
            if answer is None:
                left -= 1
            else:
                yield answer
    finally:
        for task in tasks:
            task.cancel()


def failure(location: Location, refused: Refused) -> bytes:
    """A place that failed, as it stands in any list's response."""
    told = Failure(location=location, status=refused.status())
    return wire.failure(told.SerializeToString())


async def get(call: Call, reader: Reader) -> bytes:
    place, name = await call.place(), call.request.name_or_id
    if not reader.row.list_tells_less:
        listing = call.caller.listings.of(place, reader)
        kept = listing.kept(max_age(call.request))
        if kept is not None:
            # What one thing's own answer is, is asked below.
            with contextlib.suppress(Refused):
                await kept.complete()
            found = kept.find(name)
            if found is not None:
                return found.wire + wire.as_of(kept.asked)
    asked = time.time()
    found = await place.run(call.reach, find, place, reader, name)
    return found.wire + wire.as_of(asked)


async def create(call: Call, reader: Reader) -> bytes:
    row = reader.row
    validate.need(call.request, *row.needed)
    if row.check is not None:
        row.check(call.request)
    place = await call.place()

    async def work() -> bytes:
        made = await repeats.make(call, place, reader)
        if row.see_to is not None:
            call.caller.once.later(row.see_to(place, made.id))
        return await _read_new(place, reader, made)

    return await call.change(place, work)


async def _read_new(place: Place, reader: Reader, made: Made) -> bytes:
    """The response of a Create. Where what was made cannot be read just now, what is known of it:
    an error would say that there is nothing, and lose its id."""
    try:
        found = (await read_back(place, reader, made.id)).wire
    except Refused as refused:
        if refused.reason == Reason.REASON_NOT_FOUND:
            # Made by an earlier Create with this request id, and deleted since.
            raise
        LOG.warning("%s %s was made but not read: %s", reader.row.noun, made.id, refused)
        message: Any = reader.message(location=place.location(), id=made.id)
        found = wire.frame(message.SerializeToString(deterministic=True))
    return found + (made.more.SerializeToString() if made.more is not None else b"")


async def read_back(place: Place, reader: Reader, identifier: str) -> Found:
    """A thing right after a change, as the cloud knows it."""
    found = await place.run(None, reader.one, place, identifier)
    if found is None:
        raise not_found(noun_of(reader), identifier)
    return found


async def update(call: Call, reader: Reader) -> bytes:
    assert reader.row.update is not None
    return await act(call, reader, reader.row.update)


async def act(call: Call, reader: Reader, what: Callable[[Place, str, Any], None]) -> bytes:
    """Finds a thing, does something to it, and gives it as it is then."""
    place = await call.place()

    async def work() -> bytes:
        found = await place.run(None, find, place, reader, call.request.name_or_id)
        await place.run(None, what, place, found.id, call.request)
        return (await read_back(place, reader, found.id)).wire

    return await call.change(place, work)


async def delete(call: Call, reader: Reader) -> bytes:
    place, name, sweep = await call.place(), call.request.name_or_id, reader.row.sweep

    async def work() -> bytes:
        try:
            found = await place.run(None, find, place, reader, name)
        except Refused as refused:
            if refused.reason == Reason.REASON_NOT_FOUND and sweep is not None:
                await sweep(place, name)
            raise
        await call.remove(place, reader, found.id)
        return b""

    return await call.change(place, work)
