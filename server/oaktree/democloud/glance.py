"""Glance v2."""

import hashlib
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson

from . import errors, filters
from .cloud import Region, new_id, now
from .core import ApiError, Call, Reply, Service
from .filters import Test
from .glance_schema import BASE, CONTAINER_FORMATS, DISK_FORMATS, VISIBILITIES, schema
from .items import Item, Row

DEFAULT_LIMIT, MAX_LIMIT = 25, 1000
# In a PATCH or POST a user does not set these.
READ_ONLY = (
    "status",
    "checksum",
    "size",
    "virtual_size",
    "created_at",
    "updated_at",
    "file",
    "self",
    "schema",
    "direct_url",
    "os_hash_algo",
    "os_hash_value",
    "stores",
    "locations",
)
SORT_KEYS = (
    "name",
    "status",
    "container_format",
    "disk_format",
    "size",
    "id",
    "created_at",
    "updated_at",
)

SERVICE = Service("image", errors.image, prefix=lambda cloud: r"/v2(\.\d+)?(?=/|$)")


def new_image(region: Region, project: str, **values: Any) -> Item:
    stamp = now()
    defaults: Row = {
        "id": new_id(),
        "name": None,
        "owner": project,
        "status": "queued",
        "visibility": "shared",
        "protected": False,
        "os_hidden": False,
        "disk_format": None,
        "container_format": None,
        "size": None,
        "virtual_size": None,
        "min_disk": 0,
        "min_ram": 0,
        "checksum": None,
        "os_hash_algo": None,
        "os_hash_value": None,
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
    return {
        **image["_properties"],
        **shown,
        "self": f"/v2/images/{key}",
        "file": f"/v2/images/{key}/file",
        "schema": "/v2/schemas/image",
    }


def _encoded(call: Call, image: Item) -> bytes:
    old = call.cloud.profile.old
    return image.encoded(old, lambda one: view(old, one))


def _listed(call: Call, image: Item) -> bool:
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


def _own(call: Call, what: str) -> Item:
    image = find(call)
    if "member" not in call.token.roles or (image["owner"] != call.project and not call.is_admin):
        raise ApiError(403, f"You are not authorized to complete {what} action.")
    return image


@SERVICE.route("GET", "/images")
def list_images(call: Call) -> Reply:
    query = call.query
    images = [image for image in call.region.images if _listed(call, image)]
    hidden = call.flag("os_hidden")
    images = [one for one in images if one["os_hidden"] == hidden]
    for test in _filters(call):
        images = [one for one in images if test(one)]
    images.reverse()
    keys, ways = query.getlist("sort_key"), query.getlist("sort_dir")
    if query.get("sort"):
        pairs = [part.partition(":") for part in query["sort"].split(",")]
        keys, ways = [one[0] for one in pairs], [one[2] or "desc" for one in pairs]
    for key in keys:
        if key not in SORT_KEYS:
            raise ApiError(400, f"Invalid sort key: {key}.")
    filters.sort(images, keys, ways, "desc")
    marker = query.get("marker")
    if marker:
        place = filters.place(images, marker)
        if place is None:
            raise ApiError(400, f"Invalid marker. Image could not be found: {marker}")
        images = images[place:]
    limit = _limit(call)
    more = len(images) > limit
    images = images[:limit]
    tail: Row = {"schema": "/v2/schemas/images", "first": "/v2/images" + _query(call)}
    if more and images:
        tail["next"] = f"/v2/images?{call.query_with(marker=images[-1]['id'])}"
    body = b",".join(_encoded(call, image) for image in images)
    return Reply(b'{"images":[%s],%s' % (body, orjson.dumps(tail)[1:]))


def _query(call: Call) -> str:
    text = call.query_with()
    return f"?{text}" if text else ""


def _limit(call: Call) -> int:
    text = call.query.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not text.isdigit():
        raise ApiError(400, "limit param must be an integer")
    return min(int(text), MAX_LIMIT)


def _filters(call: Call) -> list[Test]:
    skip = ("limit", "marker", "sort_key", "sort_dir", "sort", "os_hidden", "member_status")
    return [_filter(key, value) for key, value in call.query.multi_items() if key not in skip]


def _filter(key: str, value: str) -> Test:
    if key == "tag":
        return lambda image: value in image["tags"]
    if key in ("created_at", "updated_at"):
        return _time_filter(key, value)
    if key in ("size_min", "size_max"):
        if not value.isdigit():
            raise ApiError(
                400, f"Invalid value '{value}' for parameter '{key}': must be an integer."
            )
        bound = int(value)
        if key == "size_min":
            return lambda image: (image["size"] or 0) >= bound
        return lambda image: (image["size"] or 0) <= bound
    words = value.removeprefix("in:").split(",") if value.startswith("in:") else [value]
    return filters.one_of(partial(_value, key), [word.strip('"') for word in words])


def _value(key: str, image: Item) -> Any:
    return image.get(key) if key in BASE else image["_properties"].get(key)


def _time_filter(key: str, value: str) -> Test:
    operator, _, time = value.partition(":") if re.match(r"[a-z]+:", value) else ("eq", ":", value)
    compare: dict[str, Callable[[str], bool]] = {
        "gt": lambda has: has > time,
        "gte": lambda has: has >= time,
        "lt": lambda has: has < time,
        "lte": lambda has: has <= time,
        "eq": lambda has: has == time,
        "neq": lambda has: has != time,
    }
    if operator not in compare:
        raise ApiError(400, f"Unable to filter on a range with the operator {operator}")
    return lambda image: compare[operator](image[key])


@SERVICE.route("POST", "/images")
def create_image(call: Call) -> Reply:
    if "member" not in call.token.roles:
        raise ApiError(403, "You are not authorized to complete add_image action.")
    wanted = dict(call.body or {})
    for key in wanted:
        if key in READ_ONLY:
            raise ApiError(403, f"Attribute '{key}' is read-only.")
    key = wanted.get("id")
    if key is not None:
        if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", str(key)):
            raise ApiError(400, f"Invalid image id format: '{key}' does not match the pattern")
        if key in call.region.images or key in call.region.deleted_images:
            raise ApiError(409, f"Image ID {key} already exists!")
    fields = {name: wanted.pop(name) for name in list(wanted) if name in BASE}
    if fields.get("visibility") == "public" and not call.is_admin:
        raise ApiError(403, "You are not authorized to complete publicize_image action.")
    if fields.get("owner") not in (None, call.project) and not call.is_admin:
        raise ApiError(403, f"You are not permitted to create images owned by '{fields['owner']}'.")
    _check(call, fields, wanted)
    fields["tags"] = list(dict.fromkeys(fields.get("tags") or []))
    image = new_image(call.region, call.project, **fields, _properties=wanted)
    where = f"{call.base}/v2/images/{image['id']}"
    return Reply(
        _encoded(call, image),
        201,
        {"location": where, "openstack-image-import-methods": "glance-direct,web-download"},
    )


def _check(call: Call, fields: Row, properties: Row) -> None:
    for name, allowed in (
        ("disk_format", DISK_FORMATS),
        ("container_format", CONTAINER_FORMATS),
        ("visibility", VISIBILITIES),
    ):
        value = fields.get(name)
        if value is not None and value not in allowed:
            raise ApiError(
                400,
                f"Provided object does not match schema 'image': '{value}' is not "
                f"one of {list(allowed)}",
            )
    for name in ("min_disk", "min_ram"):
        value = fields.get(name, 0)
        if not isinstance(value, int) or value < 0:
            raise ApiError(
                400,
                "Provided object does not match schema 'image': "
                f"{value!r} is less than the minimum of 0",
            )
    for name, value in properties.items():
        if not isinstance(value, str):
            raise ApiError(
                400,
                f"Provided object does not match schema 'image': {value!r} is not "
                f"of type 'string' ({name})",
            )
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


@SERVICE.route("GET", "/images/{id}")
def show_image(call: Call) -> Reply:
    return Reply(_encoded(call, find(call)))


@SERVICE.route("PATCH", "/images/{id}")
def update_image(call: Call) -> Reply:
    """JSON patch, RFC 6902, over the image with its properties beside its fields."""
    image = _own(call, "modify_image")
    kinds = (
        "application/openstack-images-v2.1-json-patch",
        "application/openstack-images-v2.0-json-patch",
    )
    if call.headers.get("content-type") not in kinds:
        raise ApiError(415, "The server does not support the media type of the request")
    fields: Row = {}
    properties = dict(image["_properties"])
    for change in call.body:
        name = change["path"].lstrip("/").replace("~1", "/").replace("~0", "~")
        if name in READ_ONLY or name == "id":
            raise ApiError(403, f"Attribute '{name}' is read-only.")
        if name in BASE:
            if change["op"] == "remove":
                raise ApiError(403, f"Property {name} may not be removed.")
            fields[name] = change["value"]
        elif change["op"] == "add":
            properties[name] = change["value"]
        elif name not in properties:
            raise ApiError(409, f"Property {name} does not exist.")
        elif change["op"] == "replace":
            properties[name] = change["value"]
        else:
            del properties[name]
    if fields.get("visibility") == "public" and not call.is_admin:
        raise ApiError(403, "You are not authorized to complete publicize_image action.")
    _check(call, fields, properties)
    image.change(**fields, _properties=properties, updated_at=now())
    return Reply(_encoded(call, image))


@SERVICE.route("DELETE", "/images/{id}")
def delete_image(call: Call) -> Reply:
    image = _own(call, "delete_image")
    if image["protected"]:
        raise ApiError(403, f"Image {image['id']} is protected and cannot be deleted.")
    call.region.images.remove(image["id"])
    call.region.deleted_images.add(image["id"])
    return Reply(status=204)


@SERVICE.route("PUT", "/images/{id}/file", raw=True)
async def upload(call: Call) -> Reply:
    """The bytes are counted and hashed, and kept nowhere."""
    image = _own(call, "upload_image")
    if call.headers.get("content-type") != "application/octet-stream":
        raise ApiError(415, "The server does not support the media type of the request")
    if image["status"] not in ("queued", "uploading"):
        raise ApiError(
            409, f"Image status transition from {image['status']} to saving is not allowed"
        )
    if not image["disk_format"] or not image["container_format"]:
        raise ApiError(
            400, "Properties disk_format, container_format must be set prior to saving data."
        )
    image.change(status="saving", updated_at=now())
    md5, sha512, size = hashlib.md5(usedforsecurity=False), hashlib.sha512(), 0
    try:
        async for chunk in call.stream():
            size += len(chunk)
            md5.update(chunk)
            sha512.update(chunk)
    except BaseException:
        # As Glance: an upload that was broken off may be begun again.
        image.change(status="queued", updated_at=now())
        raise

    def done() -> None:
        image.change(
            status="active",
            size=size,
            checksum=md5.hexdigest(),
            os_hash_algo="sha512",
            os_hash_value=sha512.hexdigest(),
            updated_at=now(),
        )

    if call.cloud.settings.build_seconds:
        call.cloud.later(call.cloud.settings.build_seconds, done)
    else:
        done()
    return Reply(status=204)


@SERVICE.route("PUT", "/images/{id}/tags/{tag}")
@SERVICE.route("DELETE", "/images/{id}/tags/{tag}")
def tag(call: Call) -> Reply:
    image, name = _own(call, "modify_image"), call.args["tag"]
    if call.method == "DELETE" and name not in image["tags"]:
        raise ApiError(404, f"Tag {name} not found")
    tags = [one for one in image["tags"] if one != name]
    tags += [name] if call.method == "PUT" else []
    _check(call, {"tags": tags}, {})
    image.change(tags=tags, updated_at=now())
    return Reply(status=204)


@SERVICE.route("POST", "/images/{id}/actions/{action}")
def act(call: Call) -> Reply:
    image, action = _own(call, call.args["action"]), call.args["action"]
    if action not in ("deactivate", "reactivate"):
        raise ApiError(404, "The resource could not be found.")
    status = "deactivated" if action == "deactivate" else "active"
    if image["status"] not in ("active", "deactivated"):
        raise ApiError(403, f"Not allowed to {action} image in status '{image['status']}'")
    image.change(status=status, updated_at=now())
    return Reply(status=204)


@SERVICE.route("GET", "/images/{id}/members")
def members(call: Call) -> Reply:
    shown = [
        {
            "member_id": key,
            "image_id": call.args["id"],
            "status": status,
            "schema": "/v2/schemas/member",
        }
        for key, status in find(call)["_members"].items()
    ]
    return Reply({"members": shown, "schema": "/v2/schemas/members"})


@SERVICE.route("GET", "/schemas/image")
def show_schema(call: Call) -> Reply:
    return Reply(schema(old=call.cloud.profile.old))


@SERVICE.route("GET", "/info/import")
def import_methods(call: Call) -> Reply:
    if call.cloud.profile.old:
        raise ApiError(404, "The resource could not be found.")
    methods = ["glance-direct", "web-download", "copy-image"]
    return Reply(
        {
            "import-methods": {
                "description": "Import methods available.",
                "type": "array",
                "value": methods,
            }
        }
    )
