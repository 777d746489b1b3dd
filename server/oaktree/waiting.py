"""Being told, instead of asking again and again: Wait for one thing, Watch for all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import grpc
from oaktreemodel.v1.common_pb2 import State
from oaktreemodel.v1.error_pb2 import Reason

from oaktree import faults, filters, quota, wire
from oaktree.call import Call, counted
from oaktree.errors import Refused, failed, invalid, not_found
from oaktree.find import noun_of
from oaktree.place import Place, place_for
from oaktree.poller import Seen
from oaktree.reader import Found, Reader
from oaktree.verbs import failure
from oaktree.watch import Watch

# Kept back of a call's time, so that its end can be told with the last state seen.
TELLING_SECONDS = 0.2


async def wait(call: Call, reader: Reader) -> AsyncIterator[bytes]:
    """Every state that is seen, until it is the one asked for."""
    row = reader.row
    until = call.request.until or State.STATE_READY
    if until not in (State.STATE_READY, State.STATE_STOPPED, State.STATE_DELETED):
        raise invalid("until", "must be STATE_READY, STATE_STOPPED or STATE_DELETED")
    place = await call.place()
    poller = call.caller.pollers.of(place, reader)
    began = time.time()
    try:
        last, asked = await poller.find(call.reach, call.request.name_or_id)
    except Refused as refused:
        if refused.reason != Reason.REASON_NOT_FOUND or until != State.STATE_DELETED:
            raise
        await _swept(row.sweep, place, call.request.name_or_id)
        yield _gone(reader, place, call.request.name_or_id, None) + wire.as_of(began)
        return
    identifier, sent = last.id, b""
    async with poller.wait(identifier) as queue:
        # Some services show for a moment what they have deleted.
        seen: Seen | Refused = Seen(None if last.state == State.STATE_DELETED else last, asked)
        while True:
            if isinstance(seen, Refused):
                raise seen
            if seen.found is None:
                if until != State.STATE_DELETED:
                    raise not_found(noun_of(reader), identifier)
                await _swept(row.sweep, place, identifier)
                yield _gone(reader, place, identifier, last) + wire.as_of(seen.asked)
                return
            # Of what the cloud knows nothing else just now, the last that was known stands.
            if not row.stub_status or seen.found.status != row.stub_status:
                last = seen.found
            if lost(reader, last, until):
                raise await _resource_failed(call, place, reader, last)
            done = judge(reader, last, until)
            if done and until == State.STATE_READY and row.settle is not None:
                settled = await counted(place, partial(row.settle, place, last))
                done = settled is not None
                if settled is not None:
                    last = Found(settled)
            if last.wire != sent:
                sent = last.wire
                yield sent + wire.as_of(seen.asked)
            if done:
                return
            try:
                async with asyncio.timeout(_time_to_tell(call)):
                    seen = await queue.get()
            except TimeoutError:
                raise _too_late(reader, last) from None


def _time_to_tell(call: Call) -> float | None:
    """Seconds until the call's deadline, less what it takes to tell its caller how things stand;
    None if it has none."""
    if call.reach.deadline is None:
        return None
    return max(call.reach.deadline - time.monotonic() - TELLING_SECONDS, 0.0)


def _too_late(reader: Reader, last: Found) -> Refused:
    doing = getattr(last.message, "task_state", "")
    return Refused(
        grpc.StatusCode.DEADLINE_EXCEEDED,
        Reason.REASON_DEADLINE_EXCEEDED,
        f"{noun_of(reader)} {last.name or last.id!r} is still {last.status}"
        + (f" ({doing})" if doing else ""),
    )


async def _swept(
    sweep: Callable[[Place, str], Awaitable[None]] | None, place: Place, identifier: str
) -> None:
    if sweep is not None:
        await sweep(place, identifier)


def _gone(reader: Reader, place: Place, identifier: str, last: Found | None) -> bytes:
    """The last that is known of a thing that is gone."""
    message: Any = reader.message()
    if last is not None:
        message.CopyFrom(last.message)
    else:
        message.location.CopyFrom(place.location())
        message.id = identifier
    message.state = State.STATE_DELETED
    return wire.frame(message.SerializeToString(deterministic=True))


def lost(reader: Reader, found: Found, until: int) -> bool:
    """Whether a thing has failed, so that what is waited for will not come."""
    if until == State.STATE_DELETED:
        return found.status.lower() in reader.row.undeletable
    return found.state == State.STATE_FAILED


def judge(reader: Reader, found: Found, until: int) -> bool:
    """Whether a wait is over; Refused when what it waits for will not come, though nothing
    failed."""
    if found.state == State.STATE_DELETED and until != State.STATE_DELETED:
        raise not_found(noun_of(reader), found.id)
    if found.state == until:
        return True
    if until == State.STATE_DELETED:
        return False
    if found.state == State.STATE_STOPPED and not getattr(found.message, "task_state", ""):
        raise failed(
            Reason.REASON_RESOURCE_STOPPED,
            f"{_named(reader, found)} is stopped ({found.status}) and nothing is under way to "
            "start it",
        )
    return False


def _named(reader: Reader, found: Found) -> str:
    return f"{noun_of(reader)} {found.name or found.id!r}"


async def _resource_failed(call: Call, place: Place, reader: Reader, found: Found) -> Refused:
    """What to tell of a failed thing, with the cloud's own reason."""
    why = await faults.of(place, reader.row, found, _time_to_tell(call))
    refused = failed(
        Reason.REASON_RESOURCE_FAILED,
        f"{_named(reader, found)} is {found.status}: {why or 'the cloud gives no reason'}",
    )
    exceeded = quota.from_fault(why)
    if exceeded is not None:
        refused.details = [*refused.details, exceeded]
    return refused


async def watch(call: Call, reader: Reader) -> AsyncIterator[bytes]:
    """What there is in every place that the call covers, and then every change, until the caller
    leaves."""
    location = call.request.location
    test = filters.wanted(reader.descriptor, call.request, bool(reader.row.zone_key))
    everybody = getattr(call.request, "all_projects", False)
    places, failures = call.caller.clouds.every(location)
    for where, refused in failures:
        yield failure(where, refused)
    if location.HasField("project"):
        places = [await place_for(place, location) for place in places]
    wake = asyncio.Event()
    async with AsyncExitStack() as watching:
        watches = []
        for place in places:
            one = Watch(place, test, wake)
            poller = call.caller.pollers.of(place, reader, everybody)
            await watching.enter_async_context(poller.watch(one))
            watches.append(one)
        while True:
            await wake.wait()
            wake.clear()
            for one in watches:
                for response in one.read():
                    yield response
