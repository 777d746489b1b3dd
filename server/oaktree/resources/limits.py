"""Limits: what a project may use of a region, and does."""

from __future__ import annotations

import time
from typing import Any

from oaktreemodel.v1.common_pb2 import Limit
from oaktreemodel.v1.limits_pb2 import (
    ComputeLimits,
    GetLimitsResponse,
    Limits,
    NetworkLimits,
    VolumeLimits,
)

from oaktree import wire
from oaktree.call import Call
from oaktree.clouds import Place
from oaktree.writes import check

# Field: (the key of the most there may be, the key of what is used).
_COMPUTE = {
    "instances": ("maxTotalInstances", "totalInstancesUsed"),
    "cores": ("maxTotalCores", "totalCoresUsed"),
    "ram_mib": ("maxTotalRAMSize", "totalRAMUsed"),
    "keypairs": ("maxTotalKeypairs", ""),
    "server_groups": ("maxServerGroups", "totalServerGroupsUsed"),
    "server_group_members": ("maxServerGroupMembers", ""),
    "server_metadata_items": ("maxServerMeta", ""),
    "image_metadata_items": ("maxImageMeta", ""),
}
_VOLUME = {
    "volumes": ("maxTotalVolumes", "totalVolumesUsed"),
    "volume_gib": ("maxTotalVolumeGigabytes", "totalGigabytesUsed"),
    "snapshots": ("maxTotalSnapshots", "totalSnapshotsUsed"),
    "backups": ("maxTotalBackups", "totalBackupsUsed"),
    "backup_gib": ("maxTotalBackupGigabytes", "totalBackupGigabytesUsed"),
}
_NETWORK = {
    "networks": "network",
    "subnets": "subnet",
    "ports": "port",
    "routers": "router",
    "floating_ips": "floatingip",
    "security_groups": "security_group",
    "security_group_rules": "security_group_rule",
    "rbac_policies": "rbac_policy",
    "subnet_pools": "subnetpool",
}


async def get_limits(call: Call, reader: Any) -> bytes:
    place = await call.place()
    asked = time.time()
    limits = await place.run(call.reach, read, place)
    return GetLimitsResponse(limits=limits).SerializeToString() + wire.as_of(asked)


def read(place: Place) -> Limits:
    """The limits of the place's project. Runs in a thread."""
    place.connection()
    limits = Limits(location=place.location())
    if place.has_service("compute"):
        limits.compute.CopyFrom(_absolute(place, "compute", _COMPUTE, ComputeLimits()))
    if place.has_service("block_storage"):
        limits.volume.CopyFrom(_absolute(place, "block_storage", _VOLUME, VolumeLimits()))
    if place.has_service("network"):
        answer = place.service("network").get(f"/quotas/{place.project.id}/details")
        # Clouds older than Ocata do not count.
        if answer.status_code != 404:
            limits.network.CopyFrom(_details(check(answer).json()["quota"]))
    return limits


def _absolute(place: Place, service: str, keys: dict[str, tuple[str, str]], made: Any) -> Any:
    told = check(place.service(service).get("/limits")).json()["limits"]["absolute"]
    for name, (most, used) in keys.items():
        if most in told:
            getattr(made, name).CopyFrom(_limit(told[most], told.get(used)))
    return made


def _details(told: dict[str, dict[str, int]]) -> NetworkLimits:
    made = NetworkLimits()
    for name, key in _NETWORK.items():
        if key in told:
            one = told[key]
            getattr(made, name).CopyFrom(_limit(one["limit"], one.get("used")))
    return made


def _limit(most: int, used: int | None) -> Limit:
    # All services write "no limit" as -1.
    limit = Limit(unlimited=True) if most < 0 else Limit(max=most)
    if used is not None:
        limit.used = used
    return limit


SPECIALS = {"GetLimits": get_limits}
