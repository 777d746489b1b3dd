"""The record of an image: what the image service is told of it, beside its bytes. Runs in a place's
threads."""

from __future__ import annotations

import uuid
from collections.abc import Container, Iterable, Mapping
from typing import Any

from openstack import exceptions

from oaktree.errors import invalid
from oaktree.marks import mark_of
from oaktree.place import Place
from oaktree.row import Item
from oaktree.writes import check

# What the image service itself says of every image; all else was noted on it by somebody.
BASE = frozenset(
    [
        "checksum",
        "container_format",
        "created_at",
        "direct_url",
        "disk_format",
        "file",
        "id",
        "locations",
        "min_disk",
        "min_ram",
        "name",
        "os_hash_algo",
        "os_hash_value",
        "os_hidden",
        "owner",
        "protected",
        "schema",
        "self",
        "size",
        "status",
        "stores",
        "tags",
        "updated_at",
        "virtual_size",
        "visibility",
    ]
)
# What the fields of requests are called there.
_KEYS = {
    "min_disk_gib": "min_disk",
    "min_ram_mib": "min_ram",
    "is_hidden": "os_hidden",
    "is_protected": "protected",
}
# What requests say beyond the image itself.
_NOT_NOTED = ("allow_duplicates", "url")
# How often a request may have begun anew with the same id.
ATTEMPTS = 50
_PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}


def fields(request: Any) -> Item:
    """The fields of a record that a request gives, but for its tags and properties."""
    return {
        _KEYS.get(field.name, field.name): value
        for field, value in request.ListFields()
        if field.number >= 16
        and field.message_type is None
        and not field.is_repeated
        and field.name not in _NOT_NOTED
    }


def refuse_base(names: Iterable[str]) -> None:
    for name in BASE.intersection(names):
        raise invalid("properties", f"{name!r} is what the image service itself says of an image")


def new(request: Any) -> Item:
    """The record that a request asks for."""
    refuse_base(request.properties)
    body = fields(request)
    body.setdefault("container_format", "bare")
    body |= dict(request.properties)
    if request.tags:
        body["tags"] = list(request.tags)
    return body


def get(place: Place, identifier: str) -> Item | None:
    """The record as it is; None if there is none."""
    response = place.service("image").get(f"/images/{identifier}")
    if response.status_code == 404:
        return None
    found: Item = check(response).json()
    return found


def begin(place: Place, rpc: str, request: Any, body: Item) -> tuple[Item, bool]:
    """Makes the record of a request. What an earlier call with its request id has left is given
    instead, and then it is not new.

    The image service takes no id twice, not even of what was deleted: so each attempt has its own,
    which follows from the request's."""
    adapter = place.service("image")
    if not request.request_id:
        return check(adapter.post("/images", json=body)).json(), True
    mark = uuid.UUID(mark_of(place, rpc, request.request_id))
    for attempt in range(ATTEMPTS):
        identifier = str(uuid.uuid5(mark, str(attempt)))
        response = adapter.post("/images", json={**body, "id": identifier})
        if response.status_code != 409:
            return check(response).json(), True
        found = get(place, identifier)
        if found is not None:
            return found, False
    raise exceptions.ConflictException(response=response)


def patch(place: Place, identifier: str, changes: Iterable[Item]) -> Item:
    """Changes the record; gives it as it is then."""
    adapter = place.service("image")
    response = adapter.patch(f"/images/{identifier}", json=list(changes), headers=_PATCH)
    changed: Item = check(response).json()
    return changed


def set_all(values: Mapping[str, Any], present: Container[str]) -> list[Item]:
    """The changes that give a record these values, where these keys are present."""
    return [
        {"op": "replace" if key in present else "add", "path": pointer(key), "value": value}
        for key, value in values.items()
    ]


def pointer(key: str) -> str:
    """A key as the path of a change."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def delete(place: Place, identifier: str) -> None:
    """Deletes it, whatever becomes of it just now: an upload that is under way fails by that."""
    response = place.service("image").delete(f"/images/{identifier}")
    if response.status_code != 404:
        check(response)
