"""What a user may ask Cinder about itself, and snapshots."""

from ..cloud import new_id
from ..core import ApiError, Call, Reply
from ..items import Item, Row
from ..policy import check_member
from . import store
from .service import SERVICE, TYPE


@SERVICE.route("GET", "/types")
def list_types(call: Call) -> Reply:
    return Reply({"volume_types": [TYPE]})


@SERVICE.route("GET", "/types/{id}")
def show_type(call: Call) -> Reply:
    if call.args["id"] not in (TYPE["id"], "default"):
        raise ApiError(404, f"Volume type {call.args['id']} could not be found.")
    return Reply({"volume_type": TYPE})


@SERVICE.route("GET", "/os-availability-zone")
def list_zones(call: Call) -> Reply:
    zone: Row = {"zoneName": "nova", "zoneState": {"available": True}}
    return Reply({"availabilityZoneInfo": [zone]})


@SERVICE.route("GET", "/extensions")
def list_extensions(call: Call) -> Reply:
    return Reply({"extensions": []})


@SERVICE.route("GET", "/limits")
def show_limits(call: Call) -> Reply:
    quota = call.cloud.settings.quota
    count, gigabytes = store.used(call.region, call.project)
    absolute = {
        "maxTotalVolumes": quota["volumes"],
        "maxTotalVolumeGigabytes": quota["gigabytes"],
        "maxTotalSnapshots": quota["snapshots"],
        "maxTotalBackups": quota["backups"],
        "maxTotalBackupGigabytes": quota["backup_gigabytes"],
        "totalVolumesUsed": count,
        "totalGigabytesUsed": gigabytes,
        "totalSnapshotsUsed": len(call.region.snapshots.where(project_id=call.project)),
        "totalBackupsUsed": 0,
        "totalBackupGigabytesUsed": 0,
    }
    return Reply({"limits": {"rate": [], "absolute": absolute}})


def _find(call: Call) -> Item:
    snapshot = call.region.snapshots.get(call.args["id"])
    if snapshot is None or (snapshot["project_id"] != call.project and not call.is_admin):
        raise ApiError(404, f"Snapshot {call.args['id']} could not be found.")
    return snapshot


def _view(snapshot: Item) -> Row:
    fields = (
        "id",
        "name",
        "description",
        "status",
        "volume_id",
        "metadata",
        "created_at",
        "updated_at",
    )
    return {key: snapshot[key] for key in fields} | {
        "size": snapshot["volume_size"],
        "os-extended-snapshot-attributes:project_id": snapshot["project_id"],
        "os-extended-snapshot-attributes:progress": "100%",
    }


@SERVICE.route("GET", "/snapshots")
@SERVICE.route("GET", "/snapshots/detail")
def list_snapshots(call: Call) -> Reply:
    found = call.region.snapshots.where(project_id=call.project)
    return Reply({"snapshots": [_view(one) for one in found]})


@SERVICE.route("GET", "/snapshots/{id}")
def show_snapshot(call: Call) -> Reply:
    return Reply({"snapshot": _view(_find(call))})


@SERVICE.route("POST", "/snapshots")
def create_snapshot(call: Call) -> Reply:
    wanted: Row = (call.body or {}).get("snapshot") or {}
    volume = call.region.volumes.get(str(wanted.get("volume_id")))
    if volume is None or volume["project_id"] != call.project:
        raise ApiError(404, f"Volume {wanted.get('volume_id')} could not be found.")
    check_member(call, "volume:create_snapshot")
    bound = call.cloud.settings.quota["snapshots"]
    if 0 <= bound <= len(call.region.snapshots.where(project_id=call.project)):
        raise ApiError(
            413,
            f"SnapshotLimitExceeded: Maximum number of snapshots allowed ({bound}) "
            "exceeded for quota 'snapshots'.",
            headers={"retry-after": "0"},
        )
    store.check_quota(call.region, call.project, volume["size"], count=0)
    stamp = store.stamp()
    snapshot = call.region.snapshots.add(
        {
            "id": new_id(),
            "name": wanted.get("name"),
            "description": wanted.get("description"),
            "status": "creating",
            "volume_id": volume["id"],
            "volume_size": volume["size"],
            "metadata": wanted.get("metadata") or {},
            "created_at": stamp,
            "updated_at": None,
            "user_id": call.token.user_id,
            "project_id": call.project,
        }
    )
    done = snapshot.change
    call.cloud.later(
        call.cloud.settings.build_seconds, lambda: done(status="available", updated_at=stamp)
    )
    shown = {key: value for key, value in _view(snapshot).items() if not key.startswith("os-")}
    return Reply({"snapshot": shown}, 202)


@SERVICE.route("DELETE", "/snapshots/{id}")
def delete_snapshot(call: Call) -> Reply:
    snapshot = _find(call)
    check_member(call, "volume:delete_snapshot")
    call.region.snapshots.remove(snapshot["id"])
    return Reply(status=202)
