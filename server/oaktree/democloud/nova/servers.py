"""Servers: lists, one, changed, deleted; their metadata and tags."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from .. import filters
from ..core import ApiError, Call, Reply
from ..filters import Test
from ..items import Item
from ..policy import check_member
from . import life
from .create import check_name
from .service import SERVICE, bad, invalid, listed, page
from .views import encoded

# What a user may filter by, and where it stands in a server; anything else is ignored.
FILTERS: dict[str, Callable[[Item], Any]] = {
    "flavor": lambda server: server["flavor"]["id"],
    "image": lambda server: server["image_id"],
    "status": lambda server: server["status"],
}
# From 2.82 on; an admin could always.
MORE_FILTERS: dict[str, Callable[[Item], Any]] = {
    "key_name": lambda server: server["key_name"],
    "user_id": lambda server: server["user_id"],
    "vm_state": lambda server: server["vm_state"],
    "task_state": lambda server: server["task_state"],
    "availability_zone": lambda server: server["zone"],
    "launch_index": lambda server: "0",
}


def find(call: Call, rule: str = "") -> Item:
    """rule: the policy that the call falls under, where it takes a member of the project."""
    server = call.region.servers.get(call.args["id"])
    if server is None or (server["project_id"] != call.project and not call.is_admin):
        raise ApiError(404, f"Instance {call.args['id']} could not be found.")
    if rule:
        check_member(call, f"os_compute_api:{rule}")
    return server


def check_unlocked(call: Call, server: Item) -> None:
    if server["locked"] and not call.is_admin:
        raise ApiError(409, f"Instance {server['id']} is locked")


@SERVICE.route("GET", "/servers")
def list_servers(call: Call) -> Reply:
    return _list(call, "/servers", "brief")


@SERVICE.route("GET", "/servers/detail")
def list_servers_detail(call: Call) -> Reply:
    return _list(call, "/servers/detail", "list")


def _list(call: Call, path: str, detail: str) -> Reply:
    items, more = page(call, path, _selected(call, "index" if detail == "brief" else "detail"))
    return listed("servers", [encoded(call, server, detail) for server in items], more)


def _selected(call: Call, what: str) -> list[Item]:
    everyone = call.is_admin and call.flag("all_tenants")
    if call.flag("all_tenants") and not call.is_admin:
        raise ApiError(
            403,
            f"Policy doesn't allow os_compute_api:servers:{what}:get_all_tenants to be performed.",
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
    if call.is_admin and call.flag("deleted"):
        return list(call.region.deleted_servers)
    if call.at_least(2, 75):
        _refuse_unknown(call)
    servers = list(servers)
    if "changes-since" in call.query:
        servers = _changed_since(call, servers, project)
    for test in _filters(call):
        servers = [server for server in servers if test(server)]
    return _sorted(call, servers)


def _refuse_unknown(call: Call) -> None:
    """Older versions pass over what they do not know."""
    for name in call.query:
        if name not in KNOWN and not name.startswith("_"):
            raise bad(f"{name!r} does not match any of the regexes: '^_'")


def _changed_since(call: Call, servers: list[Item], project: str | None) -> list[Item]:
    """In whole seconds, the one given included; servers being built are always among them."""
    try:
        since = datetime.fromisoformat(call.query["changes-since"])
    except ValueError:
        raise _bad_query("changes-since", call.query["changes-since"], "'date-time'") from None
    if since.tzinfo is not None:
        since = since.astimezone(UTC).replace(tzinfo=None)
    text = since.isoformat(timespec="seconds") + "Z"
    gone = [one for one in call.region.deleted_servers if project in (None, one["project_id"])]
    found = [one for one in [*servers, *gone] if one["updated"] >= text or one["status"] == "BUILD"]
    return sorted(found, key=lambda one: -one["_order"])


def _filters(call: Call) -> list[Test]:
    query = call.query
    tests: list[Test] = []
    if "name" in query:
        name = _pattern(call, "name")
        tests.append(lambda server: name.search(server["name"]))
    known = FILTERS | (MORE_FILTERS if call.is_admin or call.at_least(2, 83) else {})
    for key in known.keys() & query.keys():
        tests.append(filters.one_of(known[key], query.getlist(key)))
    if "uuid" in query:
        tests.append(filters.one_of(itemgetter("id"), query.getlist("uuid")))
    if "ip" in query:
        tests.append(_has_address(_pattern(call, "ip"), 4))
    if "ip6" in query and (call.is_admin or call.at_least(2, 5)):
        tests.append(_has_address(_pattern(call, "ip6"), 6))
    if call.at_least(2, 26):
        for key in filters.TAGS.keys() & query.keys():
            tests.append(filters.tagged(key, query.getlist(key)))
    return tests


def _pattern(call: Call, parameter: str) -> re.Pattern[str]:
    try:
        return re.compile(call.query[parameter], re.IGNORECASE)
    except re.error:
        raise _bad_query(parameter, call.query[parameter], "'regex'") from None


def _bad_query(parameter: str, value: str, kind: str) -> ApiError:
    return bad(
        f"Invalid input for query parameters {parameter}. Value: {value}. '{value}' is not a {kind}"
    )


def _has_address(pattern: re.Pattern[str], version: int) -> Test:
    return lambda server: any(
        one["version"] == version and pattern.search(one["addr"])
        for rows in server["addresses"].values()
        for one in rows
    )


# What may be sorted by, and where it stands in a server.
SORT = {
    "created_at": "_order",
    "updated_at": "updated",
    "launched_at": "launched_at",
    "display_name": "name",
    "display_description": "description",
    "uuid": "id",
    "vm_state": "vm_state",
    "task_state": "task_state",
    "power_state": "power_state",
    "key_name": "key_name",
    "hostname": "hostname",
    "availability_zone": "zone",
    "image_ref": "image_id",
    "root_device_name": "id",
}
KNOWN = {
    *[
        "limit",
        "marker",
        "sort_key",
        "sort_dir",
        "changes-since",
        "changes-before",
        "all_tenants",
        "deleted",
    ],
    *[
        "name",
        "uuid",
        "ip",
        "ip6",
        "tenant_id",
        "project_id",
        "reservation_id",
        "locked",
        "host",
        "node",
        "hostname",
    ],
    *["power_state", "config_drive", "description", "progress", "created_at", "launched_at"],
    *FILTERS,
    *MORE_FILTERS,
    *filters.TAGS,
}


def _sorted(call: Call, servers: list[Item]) -> list[Item]:
    for key in call.query.getlist("sort_key"):
        if key not in SORT:
            raise bad(
                f"Invalid input for query parameters sort_key. Value: {key}. '{key}' is not one of "
                f"{list(SORT)}"
            )
    keys = [SORT[key] for key in call.query.getlist("sort_key")]
    filters.sort(servers, keys, call.query.getlist("sort_dir"), "desc")
    return servers


@SERVICE.route("GET", "/servers/{id}")
def show_server(call: Call) -> Reply:
    return _one(call, find(call))


def _one(call: Call, server: Item) -> Reply:
    return Reply(b'{"server":%s}' % encoded(call, server, "one"))


@SERVICE.route("PUT", "/servers/{id}")
def update_server(call: Call) -> Reply:
    server = find(call, "servers:update")
    wanted = (call.body or {}).get("server") or {}
    takes = {"name", "accessIPv4", "accessIPv6", "OS-DCF:diskConfig"}
    if call.at_least(2, 19):
        takes.add("description")
    if call.at_least(2, 90):
        takes.add("hostname")
    unknown = wanted.keys() - takes
    if unknown:
        names = ", ".join(map(repr, sorted(unknown)))
        raise invalid(
            "server", wanted, f"Additional properties are not allowed ({names} was unexpected)"
        )
    values = {key: wanted[key] for key in wanted if key != "OS-DCF:diskConfig"}
    if "name" in values:
        check_name(values["name"])
    life.touch(server, **values)
    return Reply(b'{"server":%s}' % encoded(call, server, "changed"))


@SERVICE.route("DELETE", "/servers/{id}")
def delete_server(call: Call) -> Reply:
    server = find(call, "servers:delete")
    check_unlocked(call, server)
    life.delete(call, server)
    return Reply(status=204)
