"""Images: lists, one, created, changed, deleted."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson

from .. import errors, filters
from ..cloud import now
from ..core import ApiError, Call, Reply
from ..filters import Test
from ..items import Item, Row
from .schema import BASE
from .service import SERVICE, check, encoded, find, listed, new_image, own

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
# Properties that tell how an import goes.
RESERVED = "os_glance_"
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


@SERVICE.route("GET", "/images")
def list_images(call: Call) -> Reply:
    query = call.query
    images = [image for image in call.region.images if listed(call, image)]
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
            known = ", ".join(SORT_KEYS)
            raise ApiError(
                400, f"Invalid sort key: {key}. It must be one of the following: {known}."
            )
    filters.sort(images, keys, ways, "desc")
    marker = query.get("marker")
    if marker:
        place = filters.place(images, marker)
        if place is None:
            raise ApiError(400, f"No image found with ID {marker}")
        images = images[place:]
    limit = _limit(call)
    more = len(images) > limit
    images = images[:limit]
    tail: Row = {"schema": "/v2/schemas/images", "first": "/v2/images" + _query(call)}
    if more and images:
        tail["next"] = f"/v2/images?{call.query_with(marker=images[-1]['id'])}"
    body = b",".join(encoded(call, image) for image in images)
    return Reply(b'{"images":[%s],%s' % (body, orjson.dumps(tail)[1:]))


def _query(call: Call) -> str:
    text = call.query_with()
    return f"?{text}" if text else ""


def _limit(call: Call) -> int:
    text = call.query.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not text.isdigit():
        sign = "positive" if text.lstrip("-").isdigit() else "an integer"
        raise ApiError(400, f"limit param must be {sign}")
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
        if key.startswith(RESERVED):
            raise ApiError(403, f"Attribute '{key}' is reserved.", errors.DETAIL)
    key = wanted.get("id")
    if key is not None:
        if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", str(key)):
            raise ApiError(
                400, f"Provided object does not match schema 'image': '{key}' is not an id"
            )
        if key in call.region.images or key in call.region.deleted_images:
            raise ApiError(409, f"Image ID {key} already exists!")
    fields = {name: wanted.pop(name) for name in list(wanted) if name in BASE}
    if fields.get("visibility") == "public" and not call.is_admin:
        raise ApiError(403, "You are not authorized to complete publicize_image action.")
    if fields.get("owner") not in (None, call.project) and not call.is_admin:
        raise ApiError(
            403,
            f"You are not permitted to create images owned by '{fields['owner']}'",
            errors.DETAIL,
        )
    check(call, fields, wanted)
    fields["tags"] = list(dict.fromkeys(fields.get("tags") or []))
    image = new_image(call.region, call.project, **fields, _properties=wanted)
    where = f"{call.base}/v2/images/{image['id']}"
    return Reply(
        encoded(call, image),
        201,
        {"location": where, "openstack-image-import-methods": "glance-direct,web-download"},
    )


@SERVICE.route("GET", "/images/{id}")
def show_image(call: Call) -> Reply:
    return Reply(encoded(call, find(call)))


@SERVICE.route("PATCH", "/images/{id}")
def update_image(call: Call) -> Reply:
    """JSON patch, RFC 6902, over the image with its properties beside its fields."""
    image = own(call, "modify_image")
    kinds = (
        "application/openstack-images-v2.1-json-patch",
        "application/openstack-images-v2.0-json-patch",
    )
    if call.headers.get("content-type") not in kinds:
        raise ApiError(
            415,
            f"Image PATCH expects Content-Type one of: {', '.join(kinds)}",
            errors.DETAIL,
            {"accept-patch": ", ".join(kinds)},
        )
    fields: Row = {}
    properties = dict(image["_properties"])
    for change in call.body:
        name = change["path"].lstrip("/").replace("~1", "/").replace("~0", "~")
        if name in READ_ONLY or name == "id":
            raise ApiError(403, f"Attribute '{name}' is read-only.")
        if name.startswith(RESERVED):
            raise ApiError(403, f"Attribute '{name}' is reserved.")
        if name in BASE:
            if change["op"] == "remove":
                raise ApiError(403, f"Property {name} may not be removed.", errors.DETAIL)
            fields[name] = change["value"]
        elif change["op"] == "add":
            properties[name] = change["value"]
        elif name not in properties:
            raise ApiError(409, f"Property {name} does not exist.", errors.DETAIL)
        elif change["op"] == "replace":
            properties[name] = change["value"]
        else:
            del properties[name]
    if fields.get("visibility") == "public" and not call.is_admin:
        raise ApiError(403, "You are not authorized to complete publicize_image action.")
    check(call, fields, properties)
    image.change(**fields, _properties=properties, updated_at=now())
    return Reply(encoded(call, image))


@SERVICE.route("DELETE", "/images/{id}")
def delete_image(call: Call) -> Reply:
    if call.args["id"] not in call.region.images:
        raise ApiError(404, f"Failed to find image {call.args['id']} to delete")
    image = own(call, "delete_image")
    if image["protected"]:
        raise ApiError(403, f"Image {image['id']} is protected and cannot be deleted.")
    call.region.images.remove(image["id"])
    call.region.image_data.pop(image["id"], None)
    call.region.deleted_images.add(image["id"])
    return Reply(status=204)
