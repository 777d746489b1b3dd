"""Cinder v3, and v2 where the cloud is old."""

from typing import Any

import orjson

from . import errors, filters, volumes
from .core import ApiError, Call, Reply, Service
from .items import Item, Row

MAX_LIMIT = 1000
TYPE: Row = {
    "id": "6b6a8e4e-2a4a-5d0c-9a75-0f6f0c2b7d11",
    "name": "lvmdriver-1",
    "description": None,
    "is_public": True,
    "os-volume-type-access:is_public": True,
    "qos_specs_id": None,
    "extra_specs": {},
}
# Since which microversion 3.x a volume has a field, and what is in it.
FIELDS: list[tuple[int, str, Any]] = [
    (13, "group_id", None),
    (21, "provider_id", None),
    (48, "service_uuid", None),
    (48, "shared_targets", False),
    (61, "cluster_name", None),
    (63, "volume_type_id", TYPE["id"]),
    (65, "consumes_quota", True),
    (69, "shared_targets", None),
]
HIDDEN = ("provider_id", "cluster_name")

SERVICE = Service(
    "volume",
    errors.volume,
    versions=lambda cloud: cloud.profile.cinder,
    version_name="volume",
    prefix=lambda cloud: (r"/v2" if cloud.profile.old else r"/v3") + r"(/[0-9a-f]{32})?(?=/|$)",
)


def _root(call: Call) -> str:
    return f"{call.base}/{'v2' if call.cloud.profile.old else 'v3'}/{call.project}"


def _links(call: Call, volume: Item) -> list[Row]:
    tail = f"{call.project}/volumes/{volume['id']}"
    return [
        {"rel": "self", "href": f"{_root(call)}/volumes/{volume['id']}"},
        {"rel": "bookmark", "href": f"{call.base}/{tail}"},
    ]


def view(call: Call, volume: Item) -> Row:
    shown: Row = {
        "id": volume["id"],
        "name": volume["name"],
        "description": volume["description"],
        "status": volume["status"],
        "size": volume["size"],
        "availability_zone": volume["availability_zone"],
        "volume_type": volume["volume_type"],
        "bootable": "true" if volume["bootable"] else "false",
        "encrypted": volume["encrypted"],
        "multiattach": volume["multiattach"],
        "snapshot_id": volume["snapshot_id"],
        "source_volid": volume["source_volid"],
        "consistencygroup_id": None,
        "replication_status": None,
        "user_id": volume["user_id"],
        "metadata": volume["metadata"],
        "attachments": volume["attachments"],
        "created_at": volume["created_at"],
        "updated_at": volume["updated_at"],
        "links": _links(call, volume),
        "os-vol-tenant-attr:tenant_id": volume["project_id"],
    }
    if volume["image_metadata"]:
        shown["volume_image_metadata"] = volume["image_metadata"]
    if call.is_admin:
        shown["os-vol-host-attr:host"] = "block-1@lvm#pool"
        shown["os-vol-mig-status-attr:migstat"] = None
        shown["os-vol-mig-status-attr:name_id"] = None
    for since, name, value in FIELDS:
        if call.at_least(3, since) and (call.is_admin or name not in HIDDEN):
            shown[name] = value
    return shown


def _encoded(call: Call, volume: Item) -> bytes:
    form = (call.version, call.is_admin, call.project)
    return volume.encoded(form, lambda one: view(call, one))


def find(call: Call) -> Item:
    volume = call.region.volumes.get(call.args["id"])
    if volume is None or (volume["project_id"] != call.project and not call.is_admin):
        raise ApiError(404, f"Volume {call.args['id']} could not be found.")
    return volume


@SERVICE.route("GET", "/volumes")
def list_volumes(call: Call) -> Reply:
    items, more = _page(call, "volumes", _selected(call))
    shown = [{"id": one["id"], "name": one["name"], "links": _links(call, one)} for one in items]
    return Reply({"volumes": shown, **more})


@SERVICE.route("GET", "/volumes/detail")
def list_volumes_detail(call: Call) -> Reply:
    items, more = _page(call, "volumes/detail", _selected(call))
    body = b'{"volumes":[%s]' % b",".join(_encoded(call, one) for one in items)
    return Reply(body + (b"," + orjson.dumps(more)[1:] if more else b"}"))


def _selected(call: Call) -> list[Item]:
    everyone = call.is_admin and call.flag("all_tenants")
    found = [one for one in call.region.volumes if everyone or one["project_id"] == call.project]
    found.reverse()
    query = call.query
    for key in ("name", "status", "bootable", "availability_zone", "volume_type"):
        if key in query:
            found = [one for one in found if str(one[key]).lower() == query[key].lower()]
    if "metadata" in query:
        wanted = orjson.loads(query["metadata"].replace("'", '"'))
        found = [one for one in found if wanted.items() <= one["metadata"].items()]
    # Time comparison came with 3.60, and is not looked at before it.
    if call.at_least(3, 60) and "updated_at" in query:
        operator, _, time = query["updated_at"].partition(":")
        time = time.removesuffix("Z").removesuffix("+00:00")
        if operator in ("gt", "gte"):
            found = [one for one in found if one["updated_at"] >= time]
        elif operator in ("lt", "lte"):
            found = [one for one in found if one["updated_at"] <= time]
    return found


def _page(call: Call, path: str, items: list[Item]) -> tuple[list[Item], Row]:
    text = call.query.get("limit")
    if text is not None and not text.isdigit():
        raise ApiError(400, f"Invalid input received: limit must be an integer, not '{text}'")
    limit = min(int(text), MAX_LIMIT) if text is not None else MAX_LIMIT
    marker = call.query.get("marker")
    if marker:
        place = filters.place(items, marker)
        if place is None:
            raise ApiError(404, f"Volume {marker} could not be found.")
        items = items[place:]
    offset = call.query.get("offset", "0")
    items = items[int(offset) if offset.isdigit() else 0 :][:limit]
    if not limit or len(items) < limit:
        return items, {}
    href = f"{_root(call)}/{path}?{call.query_with(marker=items[-1]['id'])}"
    return items, {"volumes_links": [{"rel": "next", "href": href}]}


@SERVICE.route("POST", "/volumes")
def create_volume(call: Call) -> Reply:
    if "member" not in call.token.roles:
        raise ApiError(403, "Policy doesn't allow volume:create to be performed.")
    region = call.region
    wanted: Row = (call.body or {}).get("volume") or {}
    size = wanted.get("size")
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
            values |= {"bootable": True, "image_metadata": volumes.image_metadata(source)}
            if isinstance(size, int) and source["min_disk"] > size:
                raise ApiError(
                    400,
                    f"Invalid input received: Volume size {size}GB cannot be smaller "
                    f"than the image minDisk size {source['min_disk']}GB.",
                )
        else:
            values[key] = source["id"]
            size = size or source.get("volume_size", source.get("size"))
    size = _size(size)
    volumes.check_quota(region, call.project, size)
    zone = wanted.get("availability_zone") or "nova"
    if zone != "nova":
        raise ApiError(400, f"Invalid input received: Availability zone '{zone}' is invalid.")
    kind = wanted.get("volume_type") or TYPE["name"]
    if kind not in (TYPE["name"], TYPE["id"]):
        raise ApiError(404, f"Volume type with name {kind} could not be found.")
    _check_metadata(wanted.get("metadata") or {})
    volume = volumes.new_volume(
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
    return Reply({"volume": view(call, volume)}, 202)


def _finish(call: Call, volume: Item) -> None:
    if volume["status"] == "creating":
        volumes.become(call.region, volume, "available")


def _size(size: Any) -> int:
    if isinstance(size, str) and size.isdigit():
        size = int(size)
    if not isinstance(size, int) or size <= 0:
        raise ApiError(
            400,
            f"Invalid input received: Invalid volume size provided for create "
            f"request: {size} (size argument must be an integer (or string "
            "representation of an integer) and greater than zero).",
        )
    return size


def _check_metadata(metadata: Row) -> None:
    for key, value in metadata.items():
        if not isinstance(value, str) or len(value) > 255 or not 0 < len(key) <= 255:
            raise ApiError(400, f"Invalid input for field/attribute metadata. Value: {metadata}.")


@SERVICE.route("GET", "/volumes/{id}")
def show_volume(call: Call) -> Reply:
    return _one(call, find(call))


def _one(call: Call, volume: Item) -> Reply:
    return Reply(b'{"volume":%s}' % _encoded(call, volume))


@SERVICE.route("PUT", "/volumes/{id}")
def update_volume(call: Call) -> Reply:
    volume, wanted = find(call), (call.body or {}).get("volume") or {}
    values = {key: wanted[key] for key in ("name", "description", "metadata") if key in wanted}
    if not values:
        raise ApiError(400, "At least one of name, description or metadata must be given.")
    volume.change(**values, updated_at=volumes.stamp())
    return _one(call, volume)


@SERVICE.route("DELETE", "/volumes/{id}")
def delete_volume(call: Call) -> Reply:
    volume = find(call)
    if volume["attachments"] or volume["status"] not in ("available", "error", "error_deleting"):
        raise ApiError(
            400,
            "Invalid volume: Volume status must be available or error or "
            "error_restoring or error_extending or error_managing and must not be "
            "migrating, attached, belong to a group, have snapshots, awaiting a "
            "transfer, or be disassociated from snapshots after volume transfer.",
        )
    volumes.become(call.region, volume, "deleting")
    call.cloud.later(call.cloud.settings.delete_seconds, volumes.remove, call.region, volume)
    return Reply(status=202)


@SERVICE.route("POST", "/volumes/{id}/action")
def act(call: Call) -> Reply:
    volume, body = find(call), call.body or {}
    if "os-extend" in body:
        size = _size(body["os-extend"].get("new_size"))
        if volume["status"] not in ("available", "in-use"):
            raise ApiError(400, "Invalid volume: Volume status must be '{'available', 'in-use'}'.")
        if size <= volume["size"]:
            raise ApiError(
                400,
                "Invalid input received: New size for extend must be greater than "
                f"current size. (current: {volume['size']}, extended: {size}).",
            )
        volumes.check_quota(call.region, call.project, size - volume["size"], count=0)
        before = volume["status"]
        volumes.become(call.region, volume, "extending")
        done = volumes.become
        call.cloud.later(0, lambda: done(call.region, volume, before, size=size))
        return Reply(status=202)
    if "os-set_bootable" in body:
        volume.change(
            bootable=str(body["os-set_bootable"].get("bootable")).lower() == "true",
            updated_at=volumes.stamp(),
        )
        return Reply(status=200)
    raise ApiError(400, f"There is no such action: {next(iter(body), '')}")


@SERVICE.route("GET", "/volumes/{id}/metadata")
def show_metadata(call: Call) -> Reply:
    return Reply({"metadata": find(call)["metadata"]})


@SERVICE.route("POST", "/volumes/{id}/metadata")
@SERVICE.route("PUT", "/volumes/{id}/metadata")
def set_metadata(call: Call) -> Reply:
    volume = find(call)
    given: Row = (call.body or {}).get("metadata") or {}
    _check_metadata(given)
    metadata = given if call.method == "PUT" else volume["metadata"] | given
    volume.change(metadata=metadata, updated_at=volumes.stamp())
    return Reply({"metadata": metadata})


@SERVICE.route("DELETE", "/volumes/{id}/metadata/{key}")
def delete_metadata_item(call: Call) -> Reply:
    volume, key = find(call), call.args["key"]
    if key not in volume["metadata"]:
        raise ApiError(404, f"Metadata item {key} was not found")
    left = {name: value for name, value in volume["metadata"].items() if name != key}
    volume.change(metadata=left, updated_at=volumes.stamp())
    return Reply()
