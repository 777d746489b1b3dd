"""Limits: what a project may use of a region, and does."""

from __future__ import annotations

import time
from typing import Any

from oaktreemodel.v1.limits_pb2 import GetLimitsResponse

from oaktree import limits, wire
from oaktree.call import Call


async def get_limits(call: Call, reader: Any) -> bytes:
    place = await call.place()
    asked = time.time()
    found = await place.run(call.reach, limits.read, place)
    return GetLimitsResponse(limits=found).SerializeToString() + wire.as_of(asked)


SPECIALS = {"GetLimits": get_limits}
