"""Cinder's frame: the service, how a volume looks, how it pages, and what it checks."""

from typing import Any

from .. import errors, filters
from ..core import ApiError, Call, Service
from ..items import Item, Row
from ..policy import check_member

MAX_LIMIT = 1000
TYPE: Row = {
    "id": "6b6a8e4e-2a4a-5d0c-9a75-0f6f0c2b7d11",
    "name": "lvmdriver-1",
    "description": None,
    "is_public": True,
    "os-volume-type-access:is_public": True,
    "extra_specs": {},
}
SERVICE_ID = "3d4f6f3c-6f5e-5f0e-8a51-5a7f2c8f3f0b"
# Since which microversion 3.x a volume has a field, and what is in it.
FIELDS: list[tuple[int, str, Any]] = [
    (13, "group_id", None),
    (21, "provider_id", None),
    (48, "service_uuid", SERVICE_ID),
    (48, "shared_targets", False),
    (61, "cluster_name", None),
    (63, "volume_type_id", TYPE["id"]),
    (65, "consumes_quota", True),
]
HIDDEN = ("provider_id", "cluster_name")

SERVICE = Service(
    "volume",
    errors.volume,
    versions=lambda cloud: cloud.profile.cinder,
    version_name="volume",
    prefix=lambda cloud: (r"/v2" if cloud.profile.old else r"/v3") + r"(/[0-9a-f]{32})?(?=/|$)",
)


def root(call: Call) -> str:
    return f"{call.base}/{'v2' if call.cloud.profile.old else 'v3'}/{call.project}"


def links(call: Call, volume: Item) -> list[Row]:
    tail = f"{call.project}/volumes/{volume['id']}"
    return [
        {"rel": "self", "href": f"{root(call)}/volumes/{volume['id']}"},
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
        "links": links(call, volume),
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


def encoded(call: Call, volume: Item) -> bytes:
    form = (call.version, call.is_admin, call.project)
    return volume.encoded(form, lambda one: view(call, one))


def find(call: Call, rule: str = "") -> Item:
    """rule: the policy that the call falls under, where it takes a member of the project."""
    volume = call.region.volumes.get(call.args["id"])
    if volume is None or (volume["project_id"] != call.project and not call.is_admin):
        raise ApiError(404, f"Volume {call.args['id']} could not be found.")
    if rule:
        check_member(call, f"volume:{rule}")
    return volume


def page(call: Call, path: str, items: list[Item]) -> tuple[list[Item], Row]:
    text = call.query.get("limit")
    if text is not None and not text.isdigit():
        sign = "positive" if text.lstrip("-").isdigit() else "an integer"
        raise ApiError(400, f"limit param must be {sign}")
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
    href = f"{root(call)}/{path}?{call.query_with(marker=items[-1]['id'])}"
    return items, {"volumes_links": [{"rel": "next", "href": href}]}


def invalid(field: str, value: Any, why: str) -> ApiError:
    """What Cinder's validation says of a field."""
    return ApiError(400, f"Invalid input for field/attribute {field}. Value: {value}. {why}")


def check_size(field: str, size: Any) -> int:
    """A size in GiB, which may come as text. Raises ApiError 400 where it is no positive number."""
    if isinstance(size, str):
        if not size.isdigit():
            raise invalid(field, size, f"'{size}' does not match '^[0-9]+$'")
        size = int(size)
    if not isinstance(size, int):
        raise invalid(field, size, f"{size!r} is not of type 'integer'")
    if size < 1:
        raise invalid(field, size, f"{size} is less than the minimum of 1")
    return size


def check_metadata(metadata: Row) -> None:
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise invalid(key, value, f"{value!r} is not of type 'string'")
        if len(value) > 255:
            raise invalid(key, value, f"{value!r} is too long")
        if not 0 < len(key) <= 255:
            raise invalid("metadata", metadata, f"{key!r} is too long")


def check_text(wanted: Row) -> None:
    """Raises ApiError 400 for a name or a description that is too long."""
    for field in ("name", "description"):
        text = wanted.get(field) or ""
        if len(text) > 255:
            raise ApiError(
                400,
                f"Invalid input received: {field} has {len(text)} characters, more than 255.",
            )
