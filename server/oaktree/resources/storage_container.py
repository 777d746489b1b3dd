"""Containers of objects. Their ids are their names; what is noted on them are headers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import grpc
from oaktreemodel.v1.error_pb2 import Reason
from openstack import exceptions
from openstack.object_store.v1 import container

from oaktree import objectlist, swift, swiftmeta
from oaktree.errors import Refused, failed, invalid, listed, not_offered
from oaktree.mapping import At, Whole
from oaktree.marks import Stamp
from oaktree.place import Place
from oaktree.row import Item, Made, Row
from oaktree.swiftmeta import CONTAINER
from oaktree.swiftnames import check_container

_READ, _WRITE = "X-Container-Read", "X-Container-Write"
# Who may read what is public: anybody, its objects and the list of them.
_ANYBODY, _PUBLIC = ".r:*", ".r:*,.rlistings"
_QUOTAS = {"quota_bytes": "Quota-Bytes", "quota_count": "Quota-Count"}
# Lists a batch at a time, so that the first of many arrive early.
_PAGE = 1000


class _AsHeader:
    """A mark as a header whose name is the mark: so two Creates at once do not take each other's
    away."""

    # A name is given once: whoever finds the container there looks whether it bears his mark.
    unique = True

    def __call__(self, item: Item) -> str:
        return ""

    def put(self, given: Item, mark: str) -> None:
        given[f"{CONTAINER}Oaktree-{mark}"] = "1"

    def kept(self, place: Place) -> bool:
        return True


def _head(place: Place, name: str) -> Mapping[str, str] | None:
    try:
        return swift.ask(place, "HEAD", name).headers
    except exceptions.NotFoundException:
        return None


def _read(place: Place, name: str) -> Item | None:
    check_container(name, swift.info(place), "name_or_id")
    told = _head(place, name)
    if told is None:
        return None
    item: Item = {
        "name": name,
        "count": told.get("X-Container-Object-Count"),
        "bytes": told.get("X-Container-Bytes-Used"),
        "created_at": _from_seconds(told.get("X-Timestamp")),
        "last_modified": _from_date(told.get("Last-Modified")),
        "metadata": swiftmeta.told(CONTAINER, told),
        "read_acl": swiftmeta.text(told.get(_READ, "")),
        "write_acl": swiftmeta.text(told.get(_WRITE, "")),
        "storage_policy": told.get("X-Storage-Policy"),
    }
    return item | {field: told.get(CONTAINER + key) for field, key in _QUOTAS.items()}


def _from_seconds(text: str | None) -> str | None:
    return datetime.fromtimestamp(float(text), UTC).isoformat() if text else None


def _from_date(text: str | None) -> str | None:
    return parsedate_to_datetime(text).isoformat() if text else None


def _put_public(message: Any, item: Item) -> None:
    acl = item.get("read_acl")
    if isinstance(acl, str):
        message.is_public = _ANYBODY in (part.strip() for part in acl.split(","))


def _check(request: Any) -> None:
    for field in _QUOTAS:
        if getattr(request, field) < 0:
            raise invalid(field, "is negative")


def _create(place: Place, request: Any, stamp: Stamp) -> Made:
    name = check_container(request.name, swift.info(place), "name")
    # What cannot be noted is to be known before there is anything.
    _noted(place, request)
    headers: dict[str, Any] = {}
    if request.storage_policy:
        headers["X-Storage-Policy"] = _policy(place, request.storage_policy).encode()
    mark: Item = {}
    stamp(mark)
    there = _head(place, name)
    if there is None:
        # With nothing else: of one that somebody has made meanwhile it would change what is noted.
        if swift.ask(place, "PUT", name, headers=headers | mark).status_code != 202:
            return Made(name)
        swift.ask(place, "POST", name, headers=_without(mark))
    elif mark and all(key in there for key in mark):
        return Made(name)
    raise Refused(
        grpc.StatusCode.ALREADY_EXISTS,
        Reason.REASON_ALREADY_EXISTS,
        f"there is a storage container {name!r} already",
    )


def _without(headers: Mapping[str, Any]) -> dict[str, str]:
    """What takes headers of a container away."""
    return {name.replace("X-", "X-Remove-", 1): "1" for name in headers}


def _policy(place: Place, name: str) -> str:
    known = swift.info(place).policies
    if known and name.lower() not in (one.lower() for one in known):
        raise invalid("storage_policy", f"{name!r} is none of {listed(known)}")
    return swiftmeta.check_value("storage_policy", name)


def _noted(place: Place, request: Any) -> dict[str, bytes]:
    found = swiftmeta.headers(CONTAINER, request.metadata, swift.info(place))
    if request.is_public:
        found[_READ] = _PUBLIC.encode()
    return found | _quotas(place, request)


def _quotas(place: Place, request: Any) -> dict[str, bytes]:
    found = {}
    for field, key in _QUOTAS.items():
        if request.HasField(field):
            if not swift.info(place).has_container_quotas:
                raise not_offered(f"{field}: this cloud does not limit what is in a container")
            # An empty header takes it away.
            value = getattr(request, field)
            found[CONTAINER + key] = str(value).encode() if value >= 0 else b""
    return found


def _complete(place: Place, name: str, request: Any) -> None:
    headers = _noted(place, request)
    if headers:
        swift.ask(place, "POST", name, headers=headers)


def _update(place: Place, name: str, request: Any) -> None:
    info = swift.info(place)
    headers: dict[str, Any] = _quotas(place, request)
    if request.HasField("is_public"):
        if request.HasField("read_acl"):
            raise invalid("read_acl", "excludes is_public, which says the same")
        headers[_READ] = _PUBLIC if request.is_public else ""
    for field, header in (("read_acl", _READ), ("write_acl", _WRITE)):
        if request.HasField(field):
            headers[header] = swiftmeta.check_value(field, getattr(request, field)).encode()
    if request.HasField("metadata"):
        present = _head(place, name) or {}
        before = swiftmeta.raw(CONTAINER, present, others=False)
        after = swiftmeta.changed(CONTAINER, present, request.metadata, info)
        headers |= {key: value for key, value in after.items() if before.get(key) != value}
        headers |= _without(dict.fromkeys(before.keys() - after.keys()))
    if headers:
        swift.ask(place, "POST", name, headers=headers)


def _delete(place: Place, name: str) -> None:
    try:
        swift.ask(place, "DELETE", name)
    except exceptions.ConflictException as error:
        if objectlist.only_own(place, name):
            left = "parts of uploads that were broken off, and nothing else; abort its uploads"
        else:
            left = "objects in it; delete them"
        message = f"the storage container {name!r} has {left} before it can be deleted"
        raise failed(Reason.REASON_CONFLICT, message) from error


ROW = Row(
    noun="StorageContainer",
    service=swift.SERVICE,
    sdk=container.Container,
    path="",
    key="",
    item_path="",
    item_key="",
    query={"format": "json", "limit": str(_PAGE)},
    list_tells_less=True,
    read=_read,
    uuid_ids=False,
    name_is_id=True,
    # No item tells one: all are the caller's own.
    project_keys=("project_id",),
    odd={
        "id": At("name"),
        "name": At("name"),
        "created_at": At("created_at"),
        "updated_at": At("last_modified"),
        "metadata": At("metadata"),
        "object_count": At("count"),
        "size_bytes": At("bytes"),
        "is_public": Whole(_put_public, ("read_acl",)),
        "read_acl": At("read_acl"),
        "write_acl": At("write_acl"),
        "storage_policy": At("storage_policy"),
        "quota_bytes": At("quota_bytes"),
        "quota_count": At("quota_count"),
    },
    needed=("name",),
    check=_check,
    create=_create,
    mark=_AsHeader(),
    complete=_complete,
    update=_update,
    delete=_delete,
)
