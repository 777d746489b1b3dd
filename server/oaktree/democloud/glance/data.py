"""What is done to one image beyond its record: its bytes, tags, members; and facts on Glance."""

import hashlib

from ..cloud import now
from ..core import ApiError, Call, Reply
from .schema import schema
from .service import SERVICE, check, find, own


@SERVICE.route("PUT", "/images/{id}/file", raw=True)
async def upload(call: Call) -> Reply:
    """The bytes are counted and hashed, and kept nowhere."""
    image = own(call, "upload_image")
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

    image.change(
        status="active",
        size=size,
        virtual_size=size,
        checksum=md5.hexdigest(),
        os_hash_algo="sha512",
        os_hash_value=sha512.hexdigest(),
        updated_at=now(),
    )
    return Reply(status=204)


@SERVICE.route("PUT", "/images/{id}/tags/{tag}")
@SERVICE.route("DELETE", "/images/{id}/tags/{tag}")
def tag(call: Call) -> Reply:
    image, name = own(call, "modify_image"), call.args["tag"]
    if call.method == "DELETE" and name not in image["tags"]:
        raise ApiError(404, "The resource could not be found.")
    tags = [one for one in image["tags"] if one != name]
    tags += [name] if call.method == "PUT" else []
    check(call, {"tags": tags}, {})
    image.change(tags=tags, updated_at=now())
    return Reply(status=204)


@SERVICE.route("POST", "/images/{id}/actions/{action}")
def act(call: Call) -> Reply:
    image, action = own(call, call.args["action"]), call.args["action"]
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


@SERVICE.route("GET", "/images/{id}/tasks")
def tasks(call: Call) -> Reply:
    """What was done to an image in the background, and how it ended; an import, say."""
    if call.cloud.profile.old:
        raise ApiError(404, "The resource could not be found.")
    image = find(call)
    return Reply({"tasks": call.region.image_tasks.where(image_id=image["id"], owner=call.project)})


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
