"""Volumes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from oaktreemodel.v1.common_pb2 import State
from openstack import utils
from openstack.block_storage.v3 import volume

from oaktree import marks
from oaktree.convert import put_reference
from oaktree.errors import invalid
from oaktree.mapping import At, Nowhere, Whole
from oaktree.marks import Stamp
from oaktree.place import Place
from oaktree.row import Item, Made, Row, by_exact_name, words
from oaktree.writes import attributes, change_metadata, check, deleter, named

_STATES = words(
    pending="creating downloading managing",
    ready="available in-use reserved awaiting-transfer uploading backing-up",
    changing="attaching detaching extending retyping maintenance restoring-backup",
    deleting="deleting",
)
# Since when messages can be asked for by what they are about.
_MESSAGES = "3.5"
_NAMING: Any = {
    "resolve": {"image": named("Image"), "source_volume": named("Volume")},
    "rename": {"image": "image_id", "source_volume": "source_volume_id"},
}


def _image(message: Any, item: Item) -> None:
    # The image is told only among what was noted on it.
    noted = item.get("volume_image_metadata") or {}
    if noted.get("image_id") or noted.get("image_name"):
        put_reference(message.image, {"id": noted.get("image_id"), "name": noted.get("image_name")})


def _attachment(message: Message, item: Item) -> None:
    made: Any = message
    # Each has three ids: "id" is the volume's again, "attachment_id" is its own.
    made.id = item.get("attachment_id") or ""
    made.server.id = item.get("server_id") or ""


def _create(place: Place, request: Any, stamp: Stamp) -> Made:
    sources = [name for name in ("image", "snapshot", "source_volume") if getattr(request, name)]
    if len(sources) > 1:
        raise invalid(sources[1], f"excludes {sources[0]}: a volume is made from one thing")
    if not request.HasField("size_gib") and sources not in (["snapshot"], ["source_volume"]):
        raise invalid("size_gib", "is missing and is needed")
    given = attributes(
        place, request, volume.Volume, skip=("is_bootable", "is_multiattach"), **_NAMING
    )
    if request.is_multiattach:
        given["multiattach"] = True
    if request.location.zone:
        given["availability_zone"] = request.location.zone
    stamp(given)
    return Made(place.service("block_storage").create_volume(**given).id)  # type: ignore[attr-defined]


def _complete(place: Place, identifier: str, request: Any) -> None:
    if request.HasField("is_bootable"):
        proxy: Any = place.service("block_storage")
        proxy.set_volume_bootable_status(identifier, request.is_bootable)


def _update(place: Place, identifier: str, request: Any) -> None:
    proxy: Any = place.service("block_storage")
    given = {key: getattr(request, key) for key in ("name", "description") if request.HasField(key)}
    if request.HasField("size_gib"):
        size = proxy.get_volume(identifier).size
        if request.size_gib < size:
            raise invalid("size_gib", f"{request.size_gib} is less than the present {size}")
        if request.size_gib > size:
            proxy.extend_volume(identifier, request.size_gib)
    if given:
        proxy.update_volume(identifier, **given)
    if request.HasField("metadata"):
        change_metadata(place, "block_storage", f"/volumes/{identifier}", request.metadata)
    if request.HasField("is_bootable"):
        proxy.set_volume_bootable_status(identifier, request.is_bootable)


def _changed_since(place: Place, time: str) -> dict[str, str] | None:
    knows = utils.supports_microversion(place.service("block_storage"), "3.60")
    return {"updated_at": f"gte:{time}"} if knows else None


def _state(item: Item) -> State.ValueType:
    status = str(item.get("status")).lower()
    # "error" itself, and one word for everything that can fail: error_deleting, error_extending.
    if status.startswith("error"):
        return State.STATE_FAILED
    return _STATES[status]


def _fault(place: Place, message: Any) -> Iterator[str]:
    """The newest message about an error that the service keeps for the volume's user."""
    adapter = place.service("block_storage")
    # It keeps none about deletions: the newest would be about something else.
    if message.status == "error_deleting" or not utils.supports_microversion(adapter, _MESSAGES):
        return
    query = {"resource_uuid": message.id, "message_level": "ERROR"}
    answer = check(adapter.get("/messages", params=query, microversion=_MESSAGES)).json()
    told = [one for one in answer["messages"] if one["resource_uuid"] == message.id]
    if told:
        yield max(told, key=lambda one: str(one["created_at"]))["user_message"] or ""


ROW = Row(
    noun="Volume",
    service="block_storage",
    sdk=volume.Volume,
    path="/volumes/detail",
    key="volumes",
    item_path="/volumes/{id}",
    item_key="volume",
    all_projects={"all_tenants": "1"},
    by_name=by_exact_name,
    zone_key="availability_zone",
    project_keys=("os-vol-tenant-attr:tenant_id",),
    state=_state,
    odd={
        "image": Whole(_image),
        "snapshot": At("snapshot_id"),
        "source_volume": At("source_volid"),
        "backup": At("backup_id"),
        "group": At("group_id"),
        "consistency_group": At("consistencygroup_id"),
        "attachments.id": Whole(_attachment),
        "attachments.server": Nowhere,
    },
    create=_create,
    mark=marks.IN_METADATA,
    complete=_complete,
    update=_update,
    delete=deleter("block_storage", "volume"),
    fault=_fault,
    changed_since=_changed_since,
    undeletable=frozenset({"error_deleting"}),
)
