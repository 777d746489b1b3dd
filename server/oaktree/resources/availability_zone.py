"""Availability zones: of compute, volumes and networks in one list, by name."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

from oaktreemodel.v1.availability_zone_pb2 import AvailabilityZone
from oaktreemodel.v1.common_pb2 import State
from openstack import exceptions

from oaktree import filters, wire
from oaktree.call import Call
from oaktree.place import Place
from oaktree.verbs import over_places
from oaktree.writes import check


async def list_zones(call: Call, reader: Any) -> AsyncIterator[bytes]:
    test = filters.wanted(AvailabilityZone.DESCRIPTOR, call.request, zoned=True)

    async def one(place: Place) -> AsyncIterator[bytes]:
        asked = time.time()
        zones = await place.run(call.reach, read, place)
        frames = [
            wire.frame(zone.SerializeToString(deterministic=True))
            for zone in zones
            if test is None or test(zone)
        ]
        for batch in wire.batches(frames):
            yield batch + wire.as_of(asked)

    async for response in over_places(call, one):
        yield response


def read(place: Place) -> list[AvailabilityZone]:
    """The zones of a region, sorted by name. A service that the region lacks has none; nor has one
    too old to know zones. Runs in a thread."""
    found: dict[str, AvailabilityZone] = {}
    for service, reading in (("compute", _nova), ("block_storage", _nova), ("network", _neutron)):
        if not place.has_service(service):
            continue
        try:
            for name, kind, available in reading(place, service):
                zone = found.setdefault(name, AvailabilityZone(id=name, name=name))
                setattr(zone, f"is_{kind}_available", available)
        except exceptions.NotFoundException:
            continue
    for name, zone in found.items():
        zone.location.CopyFrom(place.location())
        zone.location.ClearField("project")
        zone.location.zone = name
        told = [value for field, value in zone.ListFields() if field.name.endswith("_available")]
        zone.state = State.STATE_READY if all(told) else State.STATE_STOPPED
    return [found[name] for name in sorted(found)]


def _nova(place: Place, service: str) -> list[tuple[str, str, bool]]:
    kind = "compute" if service == "compute" else "volume"
    answer = check(place.service(service).get("/os-availability-zone")).json()
    return [
        (zone["zoneName"], kind, bool(zone["zoneState"]["available"]))
        for zone in answer["availabilityZoneInfo"]
    ]


def _neutron(place: Place, service: str) -> list[tuple[str, str, bool]]:
    answer = check(place.service(service).get("/availability_zones")).json()
    return [
        (zone["name"], zone["resource"], zone["state"] == "available")
        for zone in answer["availability_zones"]
        if zone["resource"] in ("network", "router")
    ]


SPECIALS = {"ListAvailabilityZones": list_zones}
