"""Nova's frame: the service, its links, and how it pages."""

from typing import Any
from uuid import UUID

import orjson

from .. import errors, filters
from ..core import ApiError, Call, Reply, Service
from ..items import Item, Row

# A page at most, and where nothing is said.
MAX_LIMIT = 1000

SERVICE = Service(
    "compute",
    errors.compute,
    versions=lambda cloud: cloud.profile.nova,
    version_name="compute",
    request_id_headers=("x-openstack-request-id", "x-compute-request-id"),
    prefix=lambda cloud: (
        r"/v2(\.1)?(/[0-9a-f]{32})?(?=/|$)"
        if cloud.profile.old
        else r"/v2\.1(/[0-9a-f]{32})?(?=/|$)"
    ),
)


def links(base: str, plural: str, key: str) -> list[Row]:
    return [
        {"rel": "self", "href": f"{base}/v2.1/{plural}/{key}"},
        {"rel": "bookmark", "href": f"{base}/{plural}/{key}"},
    ]


def bookmark(base: str, plural: str, key: str) -> list[Row]:
    return [{"rel": "bookmark", "href": f"{base}/{plural}/{key}"}]


def bad(message: str) -> ApiError:
    return ApiError(400, message)


def invalid(field: str, value: Any, why: str) -> ApiError:
    """What Nova's validation says of a field."""
    return bad(f"Invalid input for field/attribute {field}. Value: {value}. {why}")


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def number(call: Call, name: str) -> int | None:
    """A query parameter that must be a count. Raises ApiError 400 where it is none."""
    text = call.query.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise bad(
            f"Invalid input for query parameters {name}. Value: {text}. '{text}' does not match "
            "'^[0-9]*$'"
        )
    return int(text)


def page(call: Call, path: str, items: list[Item], key: str = "id") -> tuple[list[Item], Row]:
    """The items after the marker, up to the limit, and the link to the next page if it is full.

    Raises ApiError 400 for a marker that never was.
    """
    limit = number(call, "limit")
    most = MAX_LIMIT if limit is None else min(limit, MAX_LIMIT)
    marker = call.query.get("marker")
    if marker:
        items = items[_after(call, items, marker, key) :]
    items = items[:most]
    if not most or len(items) < most:
        return items, {}
    href = f"{call.base}/v2.1{path}?{call.query_with(marker=items[-1][key])}"
    plural = path.split("/")[1].replace("os-", "")
    return items, {f"{plural}_links": [{"rel": "next", "href": href}]}


def _after(call: Call, items: list[Item], marker: str, key: str) -> int:
    place = filters.place(items, marker, key)
    if place is not None:
        return place
    # Nova remembers the servers that it deleted: the list goes on behind where they were.
    deleted = call.region.deleted_servers.get(marker)
    if deleted is None:
        raise bad(f"marker [{marker}] not found")
    return next(
        (n for n, item in enumerate(items) if item.get("_order", 0) < deleted["_order"]), len(items)
    )


def listed(name: str, bodies: list[bytes], more: Row) -> Reply:
    body = b'{"%s":[%s]' % (name.encode(), b",".join(bodies))
    if more:
        body += b"," + orjson.dumps(more)[1:]
    else:
        body += b"}"
    return Reply(body)
