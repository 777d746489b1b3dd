"""List, show, create, update and delete: the same for every kind, but for its checks."""

import re
from collections.abc import Callable
from functools import partial
from operator import methodcaller
from typing import Any

from .. import filters
from ..core import ApiError, Call, Reply
from ..filters import Test
from ..items import Item, Row
from . import checks
from .addresses import default_group
from .policy import check_policy, policy
from .service import (
    KINDS,
    LAYER_3,
    SERVICE,
    STAMPS,
    Kind,
    bad,
    find,
    table,
    update,
    visible,
)

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
REFERENCES = ("network_id", "subnet_id", "port_id", "floating_network_id", "security_group_id")
PAGING = ("limit", "marker", "page_reverse", "sort_key", "sort_dir", "fields")
# Starts of the names of fields that a user does not see.
FOR_ADMINS = ("_", "provider:", "binding:host", "binding:p", "binding:vif", "distributed", "ha")
# Deleting the marker's item ends these lists; the others say that the marker is not there.
ENDS_AT_A_LOST_MARKER = ("floatingips", "routers")


def shape(call: Call) -> tuple[bool, bool]:
    return call.is_admin, call.cloud.profile.old


def view(shape: tuple[bool, bool], kind: Kind, item: Item) -> Row:
    admin, old = shape
    hidden = ("_",) if admin else FOR_ADMINS
    newer = kind.newer_than_kilo if old else ()
    shown = {
        key: value for key, value in item.items() if not key.startswith(hidden) and key not in newer
    }
    if "security_group_rules" in shown:
        shown["security_group_rules"] = [
            view(shape, KINDS["security-group-rules"], rule)
            for rule in item["security_group_rules"]
        ]
    return shown


def encoded(call: Call, kind: Kind, item: Item) -> bytes:
    return item.encoded(shape(call), lambda one: view(shape(call), kind, one))


def require_layer_3(call: Call, kind: Kind) -> None:
    if kind.plural in LAYER_3 and not call.cloud.profile.floating_ips:
        raise ApiError(404, "The resource could not be found.", "HTTPNotFound")


def list_all(kind: Kind, call: Call) -> Reply:
    require_layer_3(call, kind)
    if kind.plural == "security-groups" and not call.is_admin:
        default_group(call.region, call.project)
    items = [item for item in table(call.region, kind) if visible(call, kind, item)]
    for test in _tests(call, kind):
        items = [item for item in items if test(item)]
    filters.sort(items, call.query.getlist("sort_key"), call.query.getlist("sort_dir"), "asc")
    items, links = _page(call, kind, items)
    fields = call.query.getlist("fields")
    name = kind.plural.replace("-", "_").encode()
    if fields:
        shown = [
            {key: value for key, value in view(shape(call), kind, item).items() if key in fields}
            for item in items
        ]
        return Reply({name.decode(): shown, **links})
    if links:
        return Reply({name.decode(): [view(shape(call), kind, item) for item in items], **links})
    return Reply(b'{"%s":[%s]}' % (name, b",".join(encoded(call, kind, item) for item in items)))


def _tests(call: Call, kind: Kind) -> list[Test]:
    """Raises ApiError 400 for a filter there is not; the old Neutron does not look at those."""
    old = call.cloud.profile.old
    known = ({"id", "tenant_id"} | kind.takes.keys() | kind.shows.keys()) - {"fixed_ips"}
    known |= set() if old else {"project_id", *STAMPS} - {"tags"}
    tests: list[Test] = []
    wrong = []
    for key in call.query.keys() - set(PAGING):
        wanted = call.query.getlist(key)
        if key in filters.TAGS and not old:
            tests.append(filters.tagged(key, wanted))
        elif key == "fixed_ips" and kind.plural == "ports":
            tests.extend(_has_address(one) for one in wanted)
        elif key in known and not (old and key in kind.newer_than_kilo):
            tests.append(filters.one_of(methodcaller("get", key), wanted))
        elif not old:
            wrong.append(key)
    if wrong:
        raise bad(f"{sorted(wrong)} is invalid attribute for filtering")
    return tests


def _has_address(wanted: str) -> Test:
    key, _, value = wanted.partition("=")
    return lambda port: any(one.get(key) == value for one in port["fixed_ips"])


def _page(call: Call, kind: Kind, items: list[Item]) -> tuple[list[Item], Row]:
    if call.cloud.profile.old or not ({"limit", "marker"} & call.query.keys()):
        return items, {}
    if "sort_key" not in call.query:
        items.sort(key=lambda item: str(item["id"]))
    marker = call.query.get("marker")
    if marker:
        place = filters.place(items, marker)
        if place is None:
            if kind.plural not in ENDS_AT_A_LOST_MARKER:
                find(call, kind, marker)
            return [], {}
        items = items[place:]
    limit = int(call.query.get("limit", "0"))
    full = limit and len(items) >= limit
    items = items[: limit or None]
    links = []
    if full:
        links.append(_link(call, kind, "next", marker=items[-1]["id"]))
    if items:
        links.append(_link(call, kind, "previous", marker=items[0]["id"], page_reverse="True"))
    return items, {f"{kind.plural.replace('-', '_')}_links": links} if links else {}


def _link(call: Call, kind: Kind, rel: str, **values: str) -> Row:
    return {"rel": rel, "href": f"{call.base}/v2.0/{kind.plural}?{call.query_with(**values)}"}


def show(kind: Kind, call: Call) -> Reply:
    require_layer_3(call, kind)
    return _one(call, kind, find(call, kind, call.args["id"]))


def _one(call: Call, kind: Kind, item: Item, status: int = 200) -> Reply:
    return Reply(b'{"%s":%s}' % (kind.singular.encode(), encoded(call, kind, item)), status)


def create(kind: Kind, call: Call) -> Reply:
    require_layer_3(call, kind)
    check_policy(call, f"create_{kind.singular}")
    plural = kind.plural.replace("-", "_")
    many = (call.body or {}).get(plural)
    wanted = [(call.body or {}).get(kind.singular)] if many is None else many
    made = [_create_one(call, kind, values) for values in wanted]
    if many is None:
        return _one(call, kind, made[0], 201)
    return Reply({plural: [view(shape(call), kind, item) for item in made]}, 201)


def _create_one(call: Call, kind: Kind, values: Any) -> Item:
    if not isinstance(values, dict):
        raise bad(f"Invalid input for operation: no '{kind.singular}' in the body.")
    old = call.cloud.profile.old
    takes = kind.takes.keys() | {"tenant_id"}
    if not old:
        takes |= {"project_id"} | ({"tags"} if kind.takes_tags else set())
    shown = kind.shows.keys() | {"id", *STAMPS}
    for key, value in values.items():
        if old and key in kind.newer_than_kilo:
            raise bad(f"Unrecognized attribute(s) '{key}'")
        if key not in takes:
            raise bad(
                f"Attribute '{key}' not allowed in POST"
                if key in shown
                else f"Unrecognized attribute(s) '{key}'"
            )
        if key in REFERENCES and value and not UUID.fullmatch(str(value)):
            raise bad(f"Invalid input for {key}. Reason: '{value}' is not a valid UUID.")
    for key in kind.required:
        if values.get(key) in (None, ""):
            raise bad(f"Failed to parse request. Required attribute '{key}' not specified")
    project = values.pop("project_id", None) or values.pop("tenant_id", None) or call.project
    values.pop("tenant_id", None)
    if project != call.project and not call.is_admin:
        raise policy(f"create_{kind.singular}:tenant_id")
    checks.check_admin_fields(call, kind, values)
    checks.check_quota(call, kind, project)
    return checks.CREATE.get(kind.plural, checks.plain)(call, kind, project, values)


def change(kind: Kind, call: Call) -> Reply:
    require_layer_3(call, kind)
    check_policy(call, f"update_{kind.singular}")
    item = find(call, kind, call.args["id"])
    check_revision(call, item)
    if item["project_id"] != call.project and not call.is_admin:
        raise policy(f"update_{kind.singular}")
    values = dict((call.body or {}).get(kind.singular) or {})
    for key in values:
        if key in kind.fixed or (key in item and key not in kind.takes):
            raise bad(f"Cannot update read-only attribute {key}")
        if key not in kind.takes:
            raise bad(f"Unrecognized attribute(s) '{key}'")
    checks.check_admin_fields(call, kind, values)
    if values:
        values = checks.UPDATE.get(kind.plural, checks.as_given)(call, item, values)
        update(item, **values)
        checks.changed(call, kind, item)
    return _one(call, kind, item)


def delete(kind: Kind, call: Call) -> Reply:
    require_layer_3(call, kind)
    check_policy(call, f"delete_{kind.singular}")
    item = find(call, kind, call.args["id"])
    if item["project_id"] != call.project and not call.is_admin:
        raise policy(f"delete_{kind.singular}")
    check_revision(call, item)
    checks.DELETE.get(kind.plural, checks.nothing)(call, item)
    table(call.region, kind).remove(item["id"])
    checks.changed(call, kind, item)
    return Reply(status=204)


def check_revision(call: Call, item: Item) -> None:
    """Raises ApiError 412 where the request is for a revision that is no longer the item's."""
    match = re.fullmatch(r"revision_number=(\d+)", call.headers.get("if-match", ""))
    if match and not call.cloud.profile.old and int(match[1]) != item["revision_number"]:
        raise ApiError(
            412,
            f"Constrained to {match[1]}, but current revision is {item['revision_number']}",
            "RevisionNumberConstraintFailed",
        )


def tags(kind: Kind, call: Call) -> Reply:
    """GET, PUT and DELETE of all tags of an item, or of one."""
    if call.cloud.profile.old:
        raise ApiError(404, "The resource could not be found.", "HTTPNotFound")
    item = find(call, kind, call.args["id"])
    tag = call.args.get("tag")
    has: list[str] = item["tags"]
    if call.method == "GET":
        if tag is not None and tag not in has:
            raise ApiError(404, f"Tag {tag} could not be found.", "TagNotFound")
        return Reply({"tags": has} if tag is None else None, 200 if tag is None else 204)
    check_policy(call, f"update_{kind.plural}_tags")
    if call.method == "PUT":
        has = sorted({*has, tag}) if tag else sorted(set(call.body["tags"]))
        update(item, tags=has)
        return Reply({"tags": has}) if tag is None else Reply(status=201)
    if tag is not None and tag not in has:
        raise ApiError(404, f"Tag {tag} could not be found.", "TagNotFound")
    update(item, tags=[one for one in has if tag not in (None, one)])
    return Reply(status=204)


ROUTES: list[tuple[str, str, Callable[[Kind, Call], Reply]]] = [
    ("GET", "", list_all),
    ("POST", "", create),
    ("GET", "/{id}", show),
    ("PUT", "/{id}", change),
    ("DELETE", "/{id}", delete),
    *((method, "/{id}/tags", tags) for method in ("GET", "PUT", "DELETE")),
    *((method, "/{id}/tags/{tag}", tags) for method in ("GET", "PUT", "DELETE")),
]

for _kind in KINDS.values():
    for _method, _template, _handler in ROUTES:
        SERVICE.route(_method, f"/{_kind.plural}{_template}")(partial(_handler, _kind))
