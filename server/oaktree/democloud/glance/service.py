"""Glance's frame: the service, how an image looks, and who may see or change one."""

from typing import Any

from .. import errors
from ..cloud import Region, new_id, now
from ..core import ApiError, Call, Service
from ..items import Item, Row
from .schema import BASE

SERVICE = Service("image", errors.image, prefix=lambda cloud: r"/v2(\.\d+)?(?=/|$)")
# What Glance calls the one place it keeps bytes in.
STORE = "files"
# What an image has no more once its bytes are gone.
EMPTY: Row = {
    "status": "queued",
    "size": None,
    "virtual_size": None,
    "checksum": None,
    "os_hash_algo": None,
    "os_hash_value": None,
}


def new_image(region: Region, project: str, **values: Any) -> Item:
    stamp = now()
    defaults: Row = {
        "id": new_id(),
        "name": None,
        "owner": project,
        "visibility": "shared",
        "protected": False,
        "os_hidden": False,
        "disk_format": None,
        "container_format": None,
        **EMPTY,
        "min_disk": 0,
        "min_ram": 0,
        "tags": [],
        "created_at": stamp,
        "updated_at": stamp,
        "_properties": {},
        "_members": {},
    }
    return region.images.add(defaults | values)


def view(old: bool, image: Item) -> Row:
    key = image["id"]
    shown = {name: value for name, value in image.items() if not name.startswith("_")}
    if old:
        for newer in ("os_hidden", "os_hash_algo", "os_hash_value"):
            del shown[newer]
        if shown["visibility"] == "shared":
            shown["visibility"] = "private"
    if shown["status"] == "active" and not old:
        shown["stores"] = STORE
    return {
        **image["_properties"],
        **shown,
        "self": f"/v2/images/{key}",
        "file": f"/v2/images/{key}/file",
        "schema": "/v2/schemas/image",
    }


def encoded(call: Call, image: Item) -> bytes:
    old = call.cloud.profile.old
    return image.encoded(old, lambda one: view(old, one))


def listed(call: Call, image: Item) -> bool:
    """Community images are found by their id only, or when asked for."""
    wanted = call.query.get("visibility")
    own = image["owner"] == call.project
    if image["visibility"] == "community" and not own and wanted != "community":
        return False
    return _visible(call, image)


def _visible(call: Call, image: Item) -> bool:
    return (
        call.is_admin
        or image["owner"] == call.project
        or image["visibility"] in ("public", "community")
        or call.project in image["_members"]
    )


def find(call: Call) -> Item:
    image = call.region.images.get(call.args["id"])
    if image is None or not _visible(call, image):
        raise ApiError(404, f"No image found with ID {call.args['id']}")
    return image


def own(call: Call, what: str) -> Item:
    image = find(call)
    if "member" not in call.token.roles or (image["owner"] != call.project and not call.is_admin):
        raise ApiError(403, f"You are not authorized to complete {what} action.")
    return image


def not_old(call: Call) -> None:
    """Raises ApiError 404 where Glance is too old for this."""
    if call.cloud.profile.old:
        raise ApiError(404, "The resource could not be found.")


def used(region: Region, project: str) -> int:
    """Bytes that count against the project's quota; what is staged does not."""
    kept = ("active", "deactivated")
    images = region.images.where(owner=project)
    return sum(one["size"] or 0 for one in images if one["status"] in kept)


def check(call: Call, fields: Row, properties: Row) -> None:
    """Raises ApiError 400 for what the schema does not allow, 413 for what is too many."""
    for name, value in fields.items():
        allowed = BASE[name].get("enum")
        if allowed is not None and value not in allowed:
            raise _mismatch(f"{value!r} is not one of {allowed}")
    for name in ("min_disk", "min_ram"):
        value = fields.get(name, 0)
        if not isinstance(value, int):
            raise _mismatch(f"{value!r} is not of type 'integer'")
        if value < 0:
            raise ApiError(
                400,
                f"Invalid value '{value}' for parameter '{name}': Cannot be a negative value",
            )
    for value in properties.values():
        if not isinstance(value, str):
            raise _mismatch(f"{value!r} is not of type 'string'")
    quota = call.cloud.settings.quota
    for count, bound, what in (
        (len(properties), quota["image_properties"], "image properties"),
        (len(fields.get("tags") or ()), quota["image_tags"], "image tags"),
    ):
        if 0 <= bound < count:
            raise ApiError(
                413,
                f"The limit has been exceeded on the number of allowed {what}. "
                f"Attempted: {count}, Maximum: {bound}",
            )


def _mismatch(why: str) -> ApiError:
    return ApiError(400, f"Provided object does not match schema 'image': {why}")
