"""Images. Here are their records; what moves their bytes is in `oaktree.images`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from oaktreemodel.v1.common_pb2 import State
from openstack.image.v2 import image

from oaktree import marks
from oaktree.convert import MARK
from oaktree.images import record
from oaktree.images.download import download
from oaktree.images.fetch import fetch
from oaktree.images.upload import upload
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


def _state(item: Item) -> State.ValueType:
    # An import that failed leaves the image as if nobody had tried.
    if item.get("os_glance_failed_import"):
        return State.STATE_FAILED
    return _STATES[str(item.get("status")).lower()]


def _create(place: Place, request: Any, stamp: Stamp) -> Made:
    body = record.new(request)
    stamp(body)
    response = place.service("image").post("/images", json=body)
    if response.status_code == 409 and "id" in body:
        return Made(body["id"])
    return Made(check(response).json()["id"])


def _update(place: Place, identifier: str, request: Any) -> None:
    present = check(place.service("image").get(f"/images/{identifier}")).json()
    changes = record.set_all(record.fields(request), present)
    if request.HasField("tags"):
        kept = [tag for tag in present.get("tags", []) if tag.startswith(MARK)]
        changes += record.set_all({"tags": sorted({*request.tags.values, *kept})}, present)
    change = request.properties
    refuse_both(change, "properties")
    record.refuse_base(change.set)
    changes += record.set_all(dict(sorted(change.set.items())), present)
    others = present.keys() - record.BASE
    others = {key for key in others if not key.startswith((MARK, "os_glance_"))}
    going = others - set(change.set) if change.replace else set(change.remove) & others
    changes += [{"op": "remove", "path": record.pointer(key)} for key in sorted(going)]
    if changes:
        record.patch(place, identifier, changes)


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
    base=record.BASE,
    create=_create,
    mark=marks.AS_ID,
    needed=("name",),
    update=_update,
    delete=deleter("image", "image"),
    fault=_fault,
    changed_since=lambda place, time: {"updated_at": f"gte:{time}"},
    specials={"UploadImage": upload, "DownloadImage": download, "FetchImage": fetch},
)
