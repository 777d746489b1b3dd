"""Servers: lists, one, changed, deleted; their metadata and tags."""

import re
from datetime import UTC, datetime
from typing import Any

from ..core import ApiError, Call, Reply
from ..items import Item, Row
from . import life
from .create import check_metadata
from .service import SERVICE, bad, listed, page
from .views import encoded

# What a user may filter by, and where it stands in a server; anything else is ignored.
FILTERS = {
    "flavor": lambda server: server["flavor"]["id"],
    "image": lambda server: server["image_id"],
    "status": lambda server: server["status"],
}
# From 2.82 on; an admin could always.
MORE_FILTERS = {
    "key_name": lambda server: server["key_name"],
    "user_id": lambda server: server["user_id"],
    "vm_state": lambda server: server["vm_state"],
    "task_state": lambda server: server["task_state"],
    "availability_zone": lambda server: server["zone"],
    "launch_index": lambda server: "0",
}


def find(call: Call) -> Item:
    server = call.region.servers.get(call.args["id"])
    if server is None or (server["project_id"] != call.project and not call.is_admin):
        raise ApiError(404, f"Instance {call.args['id']} could not be found.")
    return server


@SERVICE.route("GET", "/servers")
def list_servers(call: Call) -> Reply:
    return _list(call, "/servers", "brief")


@SERVICE.route("GET", "/servers/detail")
def list_servers_detail(call: Call) -> Reply:
    return _list(call, "/servers/detail", "list")


def _list(call: Call, path: str, detail: str) -> Reply:
    items, more = page(call, path, _selected(call))
    return listed("servers", [encoded(call, server, detail) for server in items], more)


def _selected(call: Call) -> list[Item]:
    everyone = call.is_admin and call.flag("all_tenants")
    if call.flag("all_tenants") and not call.is_admin:
        raise ApiError(
            403,
            "Policy doesn't allow os_compute_api:servers:detail:get_all_tenants to be performed.",
        )
    project = None if everyone else call.project
    servers = call.region.servers.listing(
        project,
        lambda items: [one for one in items if project in (None, one["project_id"])][::-1],
    )
    if not call.query:
        return servers
    if call.query.get("status", "").upper() == "DELETED" and not call.is_admin:
        raise ApiError(403, "Only administrators may list deleted instances")
    if call.query.get("deleted", "").lower() in ("1", "true"):
        return [] if not call.is_admin else list(call.region.deleted_servers)
    servers = list(servers)
    if "changes-since" in call.query:
        servers = _changed_since(call, servers, project)
    for test in _filters(call):
        servers = [server for server in servers if test(server)]
    return _sorted(call, servers)


def _changed_since(call: Call, servers: list[Item], project: str | None) -> list[Item]:
    """In whole seconds, the one given included; servers being built are always among them."""
    try:
        since = datetime.fromisoformat(call.query["changes-since"])
    except ValueError:
        raise bad(
            "Invalid input for query parameters changes-since. Value: "
            f"{call.query['changes-since']}."
        ) from None
    if since.tzinfo is not None:
        since = since.astimezone(UTC).replace(tzinfo=None)
    text = since.isoformat(timespec="seconds") + "Z"
    gone = [one for one in call.region.deleted_servers if project in (None, one["project_id"])]
    found = [one for one in [*servers, *gone] if one["updated"] >= text or one["status"] == "BUILD"]
    return sorted(found, key=lambda one: -one["_order"])


def _filters(call: Call) -> list[Any]:
    query, tests = call.query, []
    if name := query.get("name"):
        try:
            pattern = re.compile(name, re.IGNORECASE)
        except re.error:
            raise bad(f"Invalid input for query parameters name. Value: {name}.") from None
        tests.append(lambda server: pattern.search(server["name"]))
    known = FILTERS | (MORE_FILTERS if call.is_admin or call.at_least(2, 83) else {})
    for key in known.keys() & query.keys():
        wanted = [value.lower() for value in query.getlist(key)]
        tests.append(
            lambda server, value=known[key], wanted=wanted: str(value(server)).lower() in wanted
        )
    if "uuid" in query:
        tests.append(lambda server: server["id"] in query.getlist("uuid"))
    for key in ("ip", "ip6"):
        if key in query and (key == "ip" or call.at_least(2, 5) or call.is_admin):
            pattern_ip, version = re.compile(query[key]), 6 if key == "ip6" else 4
            tests.append(
                lambda server, pattern=pattern_ip, version=version: any(
                    one["version"] == version and pattern.search(one["addr"])
                    for rows in server["addresses"].values()
                    for one in rows
                )
            )
    if call.at_least(2, 26):
        for key, test in TAGS.items():
            if key in query:
                asked = set(query[key].split(","))
                tests.append(
                    lambda server, test=test, asked=asked: test(set(server["tags"]), asked)
                )
    return tests


TAGS: dict[str, Any] = {
    "tags": lambda has, asked: asked <= has,
    "tags-any": lambda has, asked: bool(asked & has),
    "not-tags": lambda has, asked: not asked <= has,
    "not-tags-any": lambda has, asked: not asked & has,
}
SORT = {"created_at": "_order", "updated_at": "updated", "display_name": "name", "uuid": "id"}


def _sorted(call: Call, servers: list[Item]) -> list[Item]:
    keys = call.query.getlist("sort_key")
    ways = call.query.getlist("sort_dir")
    for place in range(len(keys) - 1, -1, -1):
        field = SORT.get(keys[place], keys[place])
        down = (ways[place] if place < len(ways) else "desc") == "desc"
        servers.sort(
            key=lambda one, field=field: (
                str(one.get(field))
                if field != "_order"  # type: ignore[misc]
                else one[field]
            ),
            reverse=down,
        )
    return servers


@SERVICE.route("GET", "/servers/{id}")
def show_server(call: Call) -> Reply:
    return _one(call, find(call))


def _one(call: Call, server: Item) -> Reply:
    return Reply(b'{"server":%s}' % encoded(call, server, "one"))


@SERVICE.route("PUT", "/servers/{id}")
def update_server(call: Call) -> Reply:
    server = find(call)
    wanted = (call.body or {}).get("server") or {}
    takes = {"name", "accessIPv4", "accessIPv6", "OS-DCF:diskConfig"}
    if call.at_least(2, 19):
        takes.add("description")
    if call.at_least(2, 90):
        takes.add("hostname")
    unknown = wanted.keys() - takes
    if unknown:
        raise bad(
            "Invalid input for field/attribute server. Additional properties are not "
            f"allowed ({', '.join(map(repr, sorted(unknown)))} was unexpected)"
        )
    values = {key: wanted[key] for key in wanted if key != "OS-DCF:diskConfig"}
    if "name" in values and not str(values["name"]).strip():
        raise bad("Invalid input for field/attribute name. Value: . '' is too short")
    life.touch(server, **values)
    return _one(call, server)


@SERVICE.route("DELETE", "/servers/{id}")
def delete_server(call: Call) -> Reply:
    server = find(call)
    if server["locked"] and not call.is_admin:
        raise ApiError(409, f"Instance {server['id']} is locked")
    life.delete(call, server)
    return Reply(status=204)


def _writable(server: Item, what: str) -> None:
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
    server = find(call)
    _writable(server, "update_server_metadata")
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
    server = find(call)
    _writable(server, "update_server_metadata")
    given: Row = (call.body or {}).get("meta") or {}
    if call.args["key"] not in given:
        raise bad("Request body and URI mismatch")
    metadata = server["metadata"] | given
    check_metadata(call, metadata)
    life.touch(server, metadata=metadata)
    return Reply({"meta": given})


@SERVICE.route("DELETE", "/servers/{id}/metadata/{key}")
def delete_metadata_item(call: Call) -> Reply:
    server = find(call)
    _writable(server, "delete_server_metadata")
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
    server = find(call)
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
    server, tag = find(call), call.args["tag"]
    has = tag in server["tags"]
    if call.method == "PUT":
        if not has:
            server.change(tags=sorted([*server["tags"], tag]))
        return Reply(status=204 if has else 201)
    if not has:
        raise ApiError(404, f"Server {server['id']} has no tag '{tag}'")
    if call.method == "DELETE":
        server.change(tags=[one for one in server["tags"] if one != tag])
    return Reply(status=204)


def _need_tags(call: Call) -> None:
    if not call.at_least(2, 26):
        raise ApiError(404, "The resource could not be found.")
