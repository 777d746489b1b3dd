"""A server's metadata and tags."""

from ..core import ApiError, Call, Reply
from ..items import Item, Row
from . import life
from .create import check_metadata
from .servers import check_unlocked, find
from .service import SERVICE, bad


def _writable(call: Call, server: Item, what: str) -> None:
    check_unlocked(call, server)
    if server["status"] in ("BUILD", "ERROR"):
        raise ApiError(
            409,
            f"Cannot '{what}' instance {server['id']} while it is in vm_state {server['vm_state']}",
        )


@SERVICE.route("GET", "/servers/{id}/metadata")
def show_metadata(call: Call) -> Reply:
    return Reply({"metadata": find(call)["metadata"]})


@SERVICE.route("POST", "/servers/{id}/metadata")
@SERVICE.route("PUT", "/servers/{id}/metadata")
def set_metadata(call: Call) -> Reply:
    server = find(call, f"server-metadata:{'create' if call.method == 'POST' else 'update_all'}")
    _writable(call, server, "update metadata")
    given: Row = (call.body or {}).get("metadata") or {}
    metadata = given if call.method == "PUT" else server["metadata"] | given
    check_metadata(call, metadata)
    life.touch(server, metadata=metadata)
    return Reply({"metadata": metadata})


@SERVICE.route("GET", "/servers/{id}/metadata/{key}")
def show_metadata_item(call: Call) -> Reply:
    key = call.args["key"]
    metadata = find(call)["metadata"]
    if key not in metadata:
        raise ApiError(404, "Metadata item was not found")
    return Reply({"meta": {key: metadata[key]}})


@SERVICE.route("PUT", "/servers/{id}/metadata/{key}")
def set_metadata_item(call: Call) -> Reply:
    server = find(call, "server-metadata:update")
    _writable(call, server, "update metadata")
    given: Row = (call.body or {}).get("meta") or {}
    if call.args["key"] not in given:
        raise bad("Request body and URI mismatch")
    metadata = server["metadata"] | given
    check_metadata(call, metadata)
    life.touch(server, metadata=metadata)
    return Reply({"meta": given})


@SERVICE.route("DELETE", "/servers/{id}/metadata/{key}")
def delete_metadata_item(call: Call) -> Reply:
    server = find(call, "server-metadata:delete")
    _writable(call, server, "delete metadata")
    if call.args["key"] not in server["metadata"]:
        raise ApiError(404, "Metadata item was not found")
    # `updated` does not move for this one.
    server.change(metadata={k: v for k, v in server["metadata"].items() if k != call.args["key"]})
    return Reply(status=204)


@SERVICE.route("GET", "/servers/{id}/tags")
@SERVICE.route("PUT", "/servers/{id}/tags")
@SERVICE.route("DELETE", "/servers/{id}/tags")
def all_tags(call: Call) -> Reply:
    _need_tags(call)
    server = find(call, _tag_rule(call, "_all"))
    if call.method != "GET":
        tags = sorted(set(call.body["tags"])) if call.method == "PUT" else []
        server.change(tags=tags)
    if call.method == "DELETE":
        return Reply(status=204)
    return Reply({"tags": server["tags"]})


@SERVICE.route("GET", "/servers/{id}/tags/{tag}")
@SERVICE.route("PUT", "/servers/{id}/tags/{tag}")
@SERVICE.route("DELETE", "/servers/{id}/tags/{tag}")
def one_tag(call: Call) -> Reply:
    _need_tags(call)
    server, tag = find(call, _tag_rule(call)), call.args["tag"]
    has = tag in server["tags"]
    if call.method == "PUT":
        if not has:
            server.change(tags=sorted([*server["tags"], tag]))
        where = f"{call.base}/v2.1/servers/{server['id']}/tags/{tag}"
        return Reply(status=204 if has else 201, headers={"location": where})
    if not has:
        raise ApiError(404, f"Server {server['id']} has no tag '{tag}'")
    if call.method == "DELETE":
        server.change(tags=[one for one in server["tags"] if one != tag])
    return Reply(status=204)


def _tag_rule(call: Call, which: str = "") -> str:
    action = {"PUT": "update", "DELETE": "delete"}.get(call.method)
    return f"os-server-tags:{action}{which}" if action else ""


def _need_tags(call: Call) -> None:
    if not call.at_least(2, 26):
        raise ApiError(404, "The resource could not be found.")
