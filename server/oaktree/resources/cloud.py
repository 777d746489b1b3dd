"""Clouds: which there are, what is in their catalogs, and what their regions can do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from oaktreemodel.v1.cloud_pb2 import Cloud, CloudRegion, GetCapabilitiesResponse
from oaktreemodel.v1.common_pb2 import State

from oaktree import capabilities, catalog, filters, wire
from oaktree.call import Call
from oaktree.errors import Refused
from oaktree.place import Place


async def list_clouds(call: Call, reader: Any) -> AsyncIterator[bytes]:
    """Every cloud as soon as it is known; one that fails says so itself."""
    clouds, location = call.caller.clouds, call.request.location
    test = filters.compile_all(Cloud.DESCRIPTOR, call.request.where)
    if location.cloud:
        names = [location.cloud]
        if location.cloud not in clouds.names:
            clouds.regions(location.cloud)
    else:
        names = clouds.names
    asked = time.time()
    tasks = [asyncio.create_task(_cloud(call, name)) for name in names]
    try:
        for done in asyncio.as_completed(tasks):
            cloud = await done
            if test is None or test(cloud):
                frame = wire.frame(cloud.SerializeToString(deterministic=True))
                yield frame + wire.as_of(asked)
    finally:
        for task in tasks:
            task.cancel()


async def _cloud(call: Call, name: str) -> Cloud:
    clouds = call.caller.clouds
    cloud = Cloud(id=name, name=name, profile=clouds.profile(name))
    cloud.location.cloud = name
    try:
        places = clouds.regions(name)
    except Refused as refused:
        cloud.state = State.STATE_FAILED
        cloud.regions.add(failure=refused.status())
        return cloud
    regions = await asyncio.gather(*(_region(call, place) for place in places.values()))
    for place, region in zip(places.values(), regions, strict=True):
        region.is_default = place.region == clouds.default_region(name)
        cloud.regions.append(region)
        if region.is_reachable:
            cloud.location.project.CopyFrom(place.project)
    reachable = [region.is_reachable for region in regions]
    cloud.state = (
        State.STATE_READY
        if all(reachable)
        else State.STATE_CHANGING
        if any(reachable)
        else State.STATE_FAILED
    )
    return cloud


async def _region(call: Call, place: Place) -> CloudRegion:
    try:
        endpoints = await place.run(call.reach, catalog.read, place)
    except Refused as refused:
        return CloudRegion(name=place.region, failure=refused.status())
    return CloudRegion(name=place.region, is_reachable=True, services=endpoints)


async def get_capabilities(call: Call, reader: Any) -> bytes:
    place = await call.place()
    asked = time.time()
    made = await place.run(call.reach, capabilities.read, place)
    return GetCapabilitiesResponse(capabilities=made).SerializeToString() + wire.as_of(asked)


SPECIALS = {"ListClouds": list_clouds, "GetCapabilities": get_capabilities}
