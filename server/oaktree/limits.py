"""How much of a region a project may use, and does: read from the services' own words for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from oaktreemodel.v1.common_pb2 import Limit
from oaktreemodel.v1.error_pb2 import QuotaExceeded
from oaktreemodel.v1.limits_pb2 import ComputeLimits, Limits, NetworkLimits, VolumeLimits

from oaktree.place import Place
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
_PARTS = {
    "compute": ComputeLimits.DESCRIPTOR,
    "block_storage": VolumeLimits.DESCRIPTOR,
    "network": NetworkLimits.DESCRIPTOR,
}
# What refusals call a quota, where it is not a field's name here.
_WORDS = {
    "ram": "ram_mib",
    "key pairs": "keypairs",
    "gigabytes": "volume_gib",
    "backup_gigabytes": "backup_gib",
    **{word: field for field, word in _NETWORK.items()},
}
# Measured in something else than pieces, so that one Create may ask for many.
_MEASURED = frozenset({"ram_mib", "cores", "volume_gib", "backup_gib"})


def read(place: Place) -> Limits:
    """The limits of the place's project. Runs in a thread."""
    place.connection()
    limits = Limits(location=place.location())
    for service in _PARTS:
        if place.has_service(service):
            _read(place, service, limits)
    return limits


def _read(place: Place, service: str, limits: Limits) -> None:
    adapter = place.service(service)
    if service == "network":
        answer = adapter.get(f"/quotas/{place.project.id}/details")
        # Clouds older than Ocata do not count.
        if answer.status_code != 404:
            limits.network.CopyFrom(_details(check(answer).json()["quota"]))
        return
    told = check(adapter.get("/limits")).json()["limits"]["absolute"]
    if service == "compute":
        limits.compute.CopyFrom(_absolute(told, _COMPUTE, ComputeLimits()))
    else:
        limits.volume.CopyFrom(_absolute(told, _VOLUME, VolumeLimits()))


def _absolute(told: dict[str, int], keys: dict[str, tuple[str, str]], made: Any) -> Any:
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


def complete(place: Place, exceeded: QuotaExceeded) -> None:
    """Gives a refusal the numbers that its text lacked, from the limits as they are now, of the
    service whose quota it is: another may have met it on the way. Runs in a thread."""
    field = _WORDS.get(exceeded.quota, exceeded.quota)
    limits = Limits()
    for service, part in _PARTS.items():
        if field in part.fields_by_name:
            _read(place, service, limits)
    for limit in _named(limits, field):
        if not exceeded.HasField("used") and limit.HasField("used"):
            exceeded.used = limit.used
        if not exceeded.HasField("max") and limit.HasField("max"):
            exceeded.max = limit.max
        if not exceeded.HasField("requested") and field not in _MEASURED:
            exceeded.requested = 1


def _named(limits: Limits, field: str) -> Iterator[Limit]:
    for part in (limits.compute, limits.volume, limits.network):
        if field in part.DESCRIPTOR.fields_by_name and part.HasField(field):  # type: ignore[arg-type]
            yield getattr(part, field)
