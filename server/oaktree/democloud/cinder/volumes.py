"""Volumes: lists, one, created, changed, deleted, extended."""

import orjson

from .. import filters
from ..core import ApiError, Call, Reply
from ..items import Item, Row
from ..policy import check_member
from . import messages, store
from .service import (
    SERVICE,
    TYPE,
    check_metadata,
    check_size,
    check_text,
    encoded,
    find,
    invalid,
    links,
    page,
    view,
)

FILTERS = ("name", "status", "bootable", "availability_zone", "volume_type")
KNOWN = {
    *FILTERS,
    *("limit", "marker", "offset", "sort", "sort_key", "sort_dir", "all_tenants", "metadata"),
    *("created_at", "updated_at", "with_count", "project_id", "id", "size", "image_metadata"),
}
SORT_KEYS = ("id", "status", "size", "availability_zone", "created_at", "name", "bootable")


@SERVICE.route("GET", "/volumes")
def list_volumes(call: Call) -> Reply:
    items, more = page(call, "volumes", _selected(call))
    shown = [{"id": one["id"], "name": one["name"], "links": links(call, one)} for one in items]
    return Reply({"volumes": shown, **more})


@SERVICE.route("GET", "/volumes/detail")
def list_volumes_detail(call: Call) -> Reply:
    items, more = page(call, "volumes/detail", _selected(call))
    body = b'{"volumes":[%s]' % b",".join(encoded(call, one) for one in items)
    return Reply(body + (b"," + orjson.dumps(more)[1:] if more else b"}"))


def _selected(call: Call) -> list[Item]:
    everyone = call.is_admin and call.flag("all_tenants")
    found = [one for one in call.region.volumes if everyone or one["project_id"] == call.project]
    found.reverse()
    query = call.query
    for key in FILTERS:
        if key in query:
            found = [one for one in found if str(one[key]).lower() == query[key].lower()]
    if call.at_least(3, 34) and (unknown := query.keys() - KNOWN):
        names = ",".join(sorted(unknown))
        raise ApiError(400, f"Invalid filters {names} are found in query options.")
    if "metadata" in query:
        wanted = orjson.loads(query["metadata"].replace("'", '"'))
        found = [one for one in found if wanted.items() <= one["metadata"].items()]
    # Time comparison came with 3.60, and is not looked at before it.
    if call.at_least(3, 60) and "updated_at" in query:
        operator, _, time = query["updated_at"].partition(":")
        time = time.removesuffix("Z").removesuffix("+00:00")
        if operator in ("gt", "gte"):
            found = [one for one in found if (one["updated_at"] or "") >= time]
        elif operator in ("lt", "lte"):
            found = [one for one in found if (one["updated_at"] or "") <= time]
    keys, ways = query.getlist("sort_key"), query.getlist("sort_dir")
    if "sort" in query:
        pairs = [part.partition(":") for part in query["sort"].split(",")]
        keys, ways = [one[0] for one in pairs], [one[2] or "desc" for one in pairs]
    if any(key not in SORT_KEYS for key in keys):
        raise ApiError(400, "Invalid input received: Invalid sort key")
    filters.sort(found, keys, ways, "desc")
    return found


@SERVICE.route("POST", "/volumes")
def create_volume(call: Call) -> Reply:
    check_member(call, "volume:create")
    region = call.region
    wanted = (call.body or {}).get("volume")
    if not isinstance(wanted, dict):
        raise ApiError(400, "'volume' is a required property")
    check_text(wanted)
    check_metadata(wanted.get("metadata") or {})
    size = wanted.get("size")
    if size is not None:
        size = check_size("size", size)
    values: Row = {}
    for key, table, what in (
        ("snapshot_id", region.snapshots, "Snapshot"),
        ("source_volid", region.volumes, "Volume"),
        ("imageRef", region.images, "Image"),
    ):
        if not wanted.get(key):
            continue
        source = table.get(wanted[key])
        if source is None:
            status = 400 if key == "imageRef" else 404
            message = "Invalid image identifier or unable to access requested image."
            raise ApiError(
                status, message if status == 400 else f"{what} {wanted[key]} could not be found."
            )
        if key == "imageRef":
            values |= {"bootable": True, "image_metadata": store.image_metadata(source)}
            if isinstance(size, int) and source["min_disk"] > size:
                raise ApiError(
                    400,
                    f"Invalid input received: Volume size {size}GB cannot be smaller "
                    f"than the image minDisk size {source['min_disk']}GB.",
                )
        else:
            values[key] = source["id"]
            size = size or source.get("volume_size", source.get("size"))
    if size is None:
        raise ApiError(
            400,
            "The server could not comply with the request since it is either malformed or "
            "otherwise incorrect.",
        )
    store.check_quota(region, call.project, size)
    zone = wanted.get("availability_zone") or "nova"
    if zone != "nova":
        raise ApiError(400, f"Availability zone '{zone}' is invalid.")
    kind = wanted.get("volume_type") or TYPE["name"]
    if kind not in (TYPE["name"], TYPE["id"]):
        raise ApiError(404, f"Volume type with name {kind} could not be found.")
    volume = store.new_volume(
        region,
        call.project,
        call.token.user_id,
        size,
        name=wanted.get("name"),
        description=wanted.get("description"),
        metadata=dict(wanted.get("metadata") or {}),
        **values,
    )
    call.cloud.later(call.cloud.settings.build_seconds, _finish, call, volume)
    return _short(call, volume, 202)


def _finish(call: Call, volume: Item) -> None:
    if volume["status"] != "creating":
        return
    if call.fault and call.fault.kind == "volume_error":
        store.become(call.region, volume, "error")
        messages.leave(call, volume, call.fault.message)
    else:
        store.become(call.region, volume, "available")


@SERVICE.route("GET", "/volumes/{id}")
def show_volume(call: Call) -> Reply:
    return _one(call, find(call))


def _one(call: Call, volume: Item) -> Reply:
    return Reply(b'{"volume":%s}' % encoded(call, volume))


@SERVICE.route("PUT", "/volumes/{id}")
def update_volume(call: Call) -> Reply:
    volume, wanted = find(call, "update"), (call.body or {}).get("volume") or {}
    takes = ("name", "description", "metadata")
    unknown = [key for key in wanted if key not in takes]
    if unknown:
        raise invalid(
            "volume",
            wanted,
            f"Additional properties are not allowed ({unknown[0]!r} was unexpected)",
        )
    check_text(wanted)
    check_metadata(wanted.get("metadata") or {})
    volume.change(**wanted, updated_at=store.stamp())
    return _short(call, volume)


def _short(call: Call, volume: Item, status: int = 200) -> Reply:
    """A POST and a PUT do not tell the project."""
    shown = view(call, volume)
    del shown["os-vol-tenant-attr:tenant_id"]
    return Reply({"volume": shown}, status)


@SERVICE.route("DELETE", "/volumes/{id}")
def delete_volume(call: Call) -> Reply:
    volume = find(call, "delete")
    has_snapshots = call.region.snapshots.where(volume_id=volume["id"])
    busy = volume["attachments"] or has_snapshots
    if busy or volume["status"] not in ("available", "error", "error_deleting"):
        raise ApiError(
            400,
            "Invalid volume: Volume status must be available or error or "
            "error_restoring or error_extending or error_managing and must not be "
            "migrating, attached, belong to a group, have snapshots, awaiting a "
            "transfer, or be disassociated from snapshots after volume transfer.",
        )
    store.become(call.region, volume, "deleting")
    call.cloud.later(call.cloud.settings.delete_seconds, store.remove, call.region, volume)
    return Reply(status=202)


@SERVICE.route("POST", "/volumes/{id}/action")
def act(call: Call) -> Reply:
    body = call.body or {}
    volume = find(call, "extend" if "os-extend" in body else "update")
    if "os-extend" in body:
        size = check_size("new_size", body["os-extend"].get("new_size"))
        if volume["status"] not in ("available", "in-use"):
            raise ApiError(400, "Invalid volume: Volume status must be '{'available', 'in-use'}'.")
        if size <= volume["size"]:
            raise ApiError(
                400,
                "Invalid input received: New size for extend must be greater than "
                f"current size. (current: {volume['size']}, extended: {size}).",
            )
        store.check_quota(call.region, call.project, size - volume["size"], count=0)
        before = volume["status"]
        store.become(call.region, volume, "extending")
        done = store.become
        call.cloud.later(0, lambda: done(call.region, volume, before, size=size))
        return Reply(status=202)
    if "os-set_bootable" in body:
        volume.change(
            bootable=str(body["os-set_bootable"].get("bootable")).lower() == "true",
            updated_at=store.stamp(),
        )
        return Reply(status=200)
    raise ApiError(
        400,
        f"There is no such action: {next(iter(body), '')}. Verify the request body and "
        "Content-Type header and try again.",
    )


@SERVICE.route("GET", "/volumes/{id}/metadata")
def show_metadata(call: Call) -> Reply:
    return Reply({"metadata": find(call)["metadata"]})


@SERVICE.route("POST", "/volumes/{id}/metadata")
@SERVICE.route("PUT", "/volumes/{id}/metadata")
def set_metadata(call: Call) -> Reply:
    what = "create" if call.method == "POST" else "update"
    volume = find(call, f"{what}_volume_metadata")
    given: Row = (call.body or {}).get("metadata") or {}
    check_metadata(given)
    metadata = given if call.method == "PUT" else volume["metadata"] | given
    volume.change(metadata=metadata, updated_at=store.stamp())
    return Reply({"metadata": metadata})


@SERVICE.route("DELETE", "/volumes/{id}/metadata/{key}")
def delete_metadata_item(call: Call) -> Reply:
    volume, key = find(call, "delete_volume_metadata"), call.args["key"]
    if key not in volume["metadata"]:
        raise ApiError(404, f"Volume {volume['id']} has no metadata with key {key}.")
    left = {name: value for name, value in volume["metadata"].items() if name != key}
    volume.change(metadata=left, updated_at=store.stamp())
    return Reply()
