"""What is done to one image beyond its record: tags, members; and facts on Glance."""

from ..cloud import now
from ..core import ApiError, Call, Reply
from .schema import schema
from .service import SERVICE, STORE, check, find, not_old, own, used


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


@SERVICE.route("GET", "/schemas/image")
def show_schema(call: Call) -> Reply:
    return Reply(schema(old=call.cloud.profile.old))


@SERVICE.route("GET", "/info/import")
def import_methods(call: Call) -> Reply:
    not_old(call)
    shown = {
        "description": "Import methods available.",
        "type": "array",
        "value": ["glance-direct", "web-download", "copy-image"],
    }
    return Reply({"import-methods": shown})


@SERVICE.route("GET", "/info/stores")
def stores(call: Call) -> Reply:
    not_old(call)
    return Reply({"stores": [{"id": STORE, "default": "true"}]})


@SERVICE.route("GET", "/info/usage")
def usage(call: Call) -> Reply:
    not_old(call)
    limit = call.cloud.settings.quota["image_size_total"]
    total = {"usage": used(call.region, call.project) >> 20, "limit": limit}
    return Reply({"usage": {"image_size_total": total}})
