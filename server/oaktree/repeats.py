"""A Create that may have come before: to another oaktree, or to one that has ended since.

It asks the cloud for its mark, and makes something only where there is none. That is not enough:
what an earlier Create asked for may be on its way in the cloud still, and others may be trying at
the same moment. So whoever repeats claims what is there for its request (`oaktree.claims`): what is
claimed stays, its likes are deleted. He looks again for as long as anything can be on its way.

A claim is taken away long before that. By then everything was deleted that others made while they
could not see what is claimed; and what comes later is younger, so that it is never the one that
would be claimed anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace

from oaktreemodel.v1.common_pb2 import State

from oaktree import claims
from oaktree.budget import Turn
from oaktree.call import Call
from oaktree.errors import Refused, not_found
from oaktree.find import noun_of
from oaktree.marks import mark_of
from oaktree.place import Place
from oaktree.reader import Found, Reader
from oaktree.row import Item, Made

LOG = logging.getLogger(__name__)
ATTEMPTS, PAUSE_SECONDS = 4, 0.5
# How long a claim stands at least: far more than the clocks of a cloud's machines differ, by which
# services tell when they made something.
CLAIMED_SECONDS = 10.0
# When it is looked again, in seconds since the Create. After the last, nothing can be on its way.
# What cannot be deleted yet is tried longer.
LOOKS = (1.0, 4.0, 13.0, 40.0, 120.0)
PATIENCE_SECONDS = 900.0
# What is younger than its like by more than this is no repetition: somebody has copied the mark.
COPY_SECONDS = 600.0


async def make(call: Call, place: Place, reader: Reader) -> Made:
    """What a Create makes, or made when it came before."""
    row = reader.row
    mark = await place.run(None, _mark, place, reader, call.request)
    repeat = _Repeat(call, place, reader, mark)
    if mark:
        call.caller.once.later(_sweep(place))
    repeats = mark and row.mark is not None and not row.mark.unique and call.may_repeat
    made = await (repeat.make() if repeats else repeat.post())
    if row.complete is not None:
        try:
            await place.run(None, row.complete, place, made.id, call.request)
        except Refused:
            # What others may have been told of stays, for whoever tries again to complete.
            if not repeats:
                await repeat.remove(made.id)
            raise
    return made


def _mark(place: Place, reader: Reader, request: object) -> str:
    """The mark to make a thing with; empty where there is none, or no place for it. Then only the
    process knows what it made."""
    mark, identifier = reader.row.mark, request.request_id  # type: ignore[attr-defined]
    if not identifier or mark is None or not mark.kept(place):
        return ""
    return mark_of(place, reader.row.noun, identifier)


async def _sweep(place: Place) -> None:
    try:
        await place.run(None, claims.sweep, place)
    except Refused as refused:
        LOG.info("old claims on %s: %s", place, refused)


class _Repeat:
    """A Create with a mark, and what has been made for it."""

    def __init__(self, call: Call, place: Place, reader: Reader, mark: str) -> None:
        self._call = call
        self._place = place
        self._reader = reader
        self._mark = mark
        # The id of what this call made itself.
        self._own = ""
        # Since when a claim is known of, on the monotonic clock.
        self._claimed: float | None = None

    async def post(self) -> Made:
        row = self._reader.row
        assert row.create is not None
        made = await self._place.run(None, row.create, self._place, self._call.request, self._stamp)
        self._own = made.id
        return made

    def _stamp(self, given: Item) -> None:
        mark = self._reader.row.mark
        if self._mark and mark is not None:
            mark.put(given, self._mark)

    async def make(self) -> Made:
        """What is there for the request already, or else a new one."""
        made, found = None, await self._look()
        try:
            if not found:
                try:
                    made = await self.post()
                except Refused:
                    # What it fails over may be its like, which has arrived meanwhile.
                    found = await self._look()
                    if not found:
                        raise
                else:
                    found = await self._look()
            chosen = await self._settle(found)
        finally:
            if found or made is not None:
                self._call.caller.once.later(self._watch())
        return made if made is not None and made.id == chosen else Made(chosen)

    async def _look(self, turn: Turn = Turn.READ) -> list[Found]:
        """All that bears the mark, in the order in which it is chosen from: the oldest first, but
        last what is being deleted."""
        fetch = self._call.caller.listings.of(self._place, self._reader).fetch(0, turn)
        found = [one async for page in fetch.read() for one in page if one.mark == self._mark]
        if not found:
            return found
        first = min(map(_made_at, found))
        found = [one for one in found if _made_at(one) - first <= COPY_SECONDS]
        return sorted(found, key=lambda one: (_is_leaving(one), _made_at(one), one.id))

    async def _settle(self, found: list[Found]) -> str:
        """The id of the one that stays; the others are deleted. NOT_FOUND if it was deleted
        since."""
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(PAUSE_SECONDS)
                found = await self._look()
            if not found or _is_leaving(found[0]):
                break
            try:
                chosen = await self._place.run(
                    None, claims.claim, self._place, self._mark, found[0].id
                )
            except Refused as refused:
                return await self._without_claim(found, refused)
            self._claimed = time.monotonic()
            there = await self._place.run(None, self._reader.one, self._place, chosen)
            if there is not None and not _is_leaving(there):
                for one in found:
                    if one.id != chosen and not _is_leaving(one):
                        await self.remove(one.id)
                return chosen
            if chosen in {one.id for one in found}:
                # Deleted since it was looked at, by whoever had claimed another before.
                await self._release()
        if self._own:
            await self.remove(self._own)
        raise not_found(noun_of(self._reader), "that an earlier Create with this request id made")

    async def _without_claim(self, found: list[Found], refused: Refused) -> str:
        """What can be said where nothing can be claimed: the only one is what there is, unless it
        has been made just now, when others may be making theirs."""
        living = [one.id for one in found if not _is_leaving(one)]
        if len(living) == 1 and not self._own:
            return living[0]
        if self._own and self._own != living[0]:
            await self.remove(self._own)
        raise replace(
            refused,
            message="a Create that may have come before needs a keypair for some seconds, and "
            f"could not make it: {refused.message}",
        )

    async def remove(self, identifier: str) -> None:
        """Deletes what was made for nothing. What cannot be deleted now is met again."""
        try:
            await self._call.remove(self._place, self._reader, identifier)
        except Refused as refused:
            LOG.info("%s %s on %s: %s", self._reader.row.noun, identifier, self._place, refused)

    def _is_old(self) -> bool:
        """Whether there is a claim that nobody can need any more."""
        now = time.monotonic()
        return self._claimed is not None and now - self._claimed >= CLAIMED_SECONDS

    async def _release(self) -> None:
        await self._place.run(None, claims.release, self._place, self._mark)
        self._claimed = None

    async def _watch(self) -> None:
        """Looks again for what arrives late, and takes the claim away in time."""
        begun = time.monotonic()
        looks = [begun + seconds for seconds in LOOKS]
        while looks or self._claimed is not None:
            now = time.monotonic()
            if now - begun > PATIENCE_SECONDS:
                return
            due = looks[:1]
            if self._claimed is not None:
                due.append(self._claimed + CLAIMED_SECONDS)
            await asyncio.sleep(max(min(due) - now, LOOKS[0]))
            looks = [look for look in looks if look > time.monotonic()]
            try:
                found = [one for one in await self._look(Turn.POLL) if not _is_leaving(one)]
                if len(found) > 1:
                    await self._settle(found)
                elif self._is_old():
                    await self._release()
            except Refused as refused:
                noun = self._reader.row.noun
                LOG.warning("whether %s was made twice on %s: %s", noun, self._place, refused)


def _made_at(found: Found) -> float:
    return float(found.message.created_at.ToNanoseconds()) / 1e9


def _is_leaving(found: Found) -> bool:
    return found.state in (State.STATE_DELETING, State.STATE_DELETED)
