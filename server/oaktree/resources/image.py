"""Images. Their bytes are another matter; here are their records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from oaktreemodel.v1.common_pb2 import State
from openstack.image.v2 import image

from oaktree import marks
from oaktree.convert import MARK
from oaktree.errors import invalid
from oaktree.mapping import At
from oaktree.marks import Stamp
from oaktree.place import Place
from oaktree.row import Item, Made, Row, by_exact_name, words
from oaktree.writes import check, deleter, refuse_both

_STATES = words(
    pending="queued saving uploading importing",
    ready="active",
    stopped="deactivated",
    failed="killed",
    deleting="pending_delete",
    deleted="deleted",
)
# What the image service itself says of every image; all else was noted on it by somebody.
_BASE = frozenset(
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


def _state(item: Item) -> State.ValueType:
    # An import that failed leaves the image as if nobody had tried.
    if item.get("os_glance_failed_import"):
        return State.STATE_FAILED
    return _STATES[str(item.get("status")).lower()]


def _fields(request: Any) -> Item:
    return {
        _KEYS.get(field.name, field.name): value
        for field, value in request.ListFields()
        if field.number >= 16 and field.message_type is None and not field.is_repeated
    }


def _refuse_base(names: Iterable[str]) -> None:
    for name in _BASE.intersection(names):
        raise invalid("properties", f"{name!r} is what the image service itself says of an image")


def _create(place: Place, request: Any, stamp: Stamp) -> Made:
    _refuse_base(request.properties)
    body = _fields(request)
    body.setdefault("container_format", "bare")
    body |= dict(request.properties)
    if request.tags:
        body["tags"] = list(request.tags)
    stamp(body)
    response = place.service("image").post("/images", json=body)
    if response.status_code == 409 and "id" in body:
        return Made(body["id"])
    return Made(check(response).json()["id"])


def _update(place: Place, identifier: str, request: Any) -> None:
    adapter = place.service("image")
    present = check(adapter.get(f"/images/{identifier}")).json()
    patch = [
        {"op": "replace" if key in present else "add", "path": _pointer(key), "value": value}
        for key, value in _fields(request).items()
    ]
    if request.HasField("tags"):
        kept = [tag for tag in present.get("tags", []) if tag.startswith(MARK)]
        patch.append(
            {"op": "replace", "path": "/tags", "value": sorted({*request.tags.values, *kept})}
        )
    change = request.properties
    refuse_both(change, "properties")
    _refuse_base(change.set)
    for key, value in sorted(change.set.items()):
        op = "replace" if key in present else "add"
        patch.append({"op": op, "path": _pointer(key), "value": value})
    others = {key for key in present.keys() - _BASE if not key.startswith((MARK, "os_glance_"))}
    going = others - set(change.set) if change.replace else set(change.remove) & others
    patch += [{"op": "remove", "path": _pointer(key)} for key in sorted(going)]
    if patch:
        media = "application/openstack-images-v2.1-json-patch"
        headers = {"Content-Type": media}
        check(adapter.patch(f"/images/{identifier}", json=patch, headers=headers))


def _pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _fault(place: Place, message: Any) -> Iterator[str]:
    """The stores that an import failed at, and what the newest task that failed over the image
    says."""
    stores = message.properties.get("os_glance_failed_import", "")
    if stores:
        yield f"the import to {stores} failed"
    response = place.service("image").get(f"/images/{message.id}/tasks")
    # What older services say, which show tasks to administrators only.
    if response.status_code == 404:
        return
    tasks = [task for task in check(response).json()["tasks"] if task["status"] == "failure"]
    if tasks:
        yield max(tasks, key=lambda task: str(task["created_at"]))["message"] or ""


ROW = Row(
    noun="Image",
    service="image",
    sdk=image.Image,
    path="/images",
    key="images",
    item_path="/images/{id}",
    item_key="",
    # Without it the service gives pages of 25.
    query={"limit": "1000"},
    by_name=by_exact_name,
    shared=lambda item: True,
    project_keys=("owner",),
    state=_state,
    preferred=lambda message: message.state == State.STATE_READY,  # type: ignore[attr-defined]
    odd={
        "store": At("stores"),
        "hw_video_ram_mib": At("hw_video_ram"),
        "is_hw_boot_menu_enabled": At("hw_boot_menu"),
    },
    base=_BASE,
    create=_create,
    mark=marks.AS_ID,
    needed=("name",),
    update=_update,
    delete=deleter("image", "image"),
    fault=_fault,
    changed_since=lambda place, time: {"updated_at": f"gte:{time}"},
)
