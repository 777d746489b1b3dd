"""Reading a resource from the cloud, the fast way: pages of JSON straight to wire bytes.

openstacksdk spends milliseconds on each item it lists. So lists go through its adapter, with its
authentication, discovery and choice of microversion, and what comes back becomes protobuf by a
table. Everything here runs in a place's threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit
from weakref import WeakKeyDictionary

import grpc
import orjson
from google.protobuf.message import Message
from keystoneauth1 import discover
from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.location_pb2 import Location, Project
from openstack import exceptions, proxy, utils

from oaktree import models
from oaktree.convert import MARK, Table, text
from oaktree.errors import Refused, service_absent
from oaktree.place import Place
from oaktree.row import Item, Row
from oaktree.wire import frame, unframe

# Items converted in one go before others get the interpreter.
SLICE = 10
PAUSE_SECONDS = 0.001
# Who came so lately is likely to come again.
LATELY_SECONDS = 0.1


class Found:
    """One item: what a caller compares, and what it sends."""

    __slots__ = (
        "_message",
        "id",
        "mark",
        "name",
        "state",
        "status",
        "unsettled",
        "updated",
        "wire",
    )

    def __init__(self, message: Any) -> None:
        self.id: str = message.id
        self.name: str = message.name
        # Flavors and their like have no life.
        self.state: int = getattr(message, "state", 0)
        self.status: str = getattr(message, "status", "")
        # When the cloud says it last changed, in seconds since the epoch; 0 where it does not.
        self.updated: int = message.updated_at.seconds if hasattr(message, "updated_at") else 0
        self.wire = frame(message.SerializeToString(deterministic=True))
        # Whether its Create left something to be done that its message does not show.
        self.unsettled = False
        # The request id it was made for, where it tells.
        self.mark = ""
        self._message: Message | type[Message] = message

    @property
    def message(self) -> Any:
        """The message. Made anew of the wire's bytes where only these were kept."""
        if isinstance(self._message, type):
            return self._message.FromString(unframe(self.wire))
        return self._message

    def slim(self) -> None:
        """Keeps the bytes only: a message holds several times as much."""
        if not isinstance(self._message, type):
            self._message = type(self._message)


class Others:
    """Whether anybody else is being served: then what takes long makes room."""

    serving = 0
    # When the last of them came, on the monotonic clock.
    came = 0.0

    @classmethod
    def make_room(cls, began: float) -> None:
        """Pauses for a moment if anybody is being served but the one whose work began then."""
        lately = cls.came > began and time.monotonic() - cls.came < LATELY_SECONDS
        if lately or cls.serving > 1:
            time.sleep(PAUSE_SECONDS)


class Reader:
    """Reads one resource. One a row, made at start, used by every place."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.message = models.message_class(row.noun)
        self.descriptor = models.descriptor(row.noun)
        self.table = Table(self.descriptor, row.sdk, row.odd)
        self._fields = self.descriptor.fields_by_name
        self._microversions: WeakKeyDictionary[proxy.Proxy, str | None] = WeakKeyDictionary()
        self._known = (
            self.table.keys | {*row.project_keys, row.zone_key, "links"}
            if row.base is None
            else row.base
        )

    # Asking.

    def get_json(self, place: Place, path: str, query: Mapping[str, Any] | None = None) -> Any:
        return orjson.loads(self._content(place, path, query))

    def _content(self, place: Place, path: str, query: Mapping[str, Any] | None) -> bytes:
        """GET as openstacksdk would: its adapter, its microversion, its exceptions."""
        adapter = place.service(self.row.service)
        response = adapter.get(
            path,
            params=dict(query or {}) or None,
            microversion=self._microversion(adapter),
            headers={"Accept": "application/json"},
        )
        exceptions.raise_from_response(response)
        content: bytes = response.content
        return content

    def _microversion(self, adapter: proxy.Proxy) -> str | None:
        # openstacksdk goes through the catalog for each question.
        if adapter not in self._microversions:
            self._microversions[adapter] = self._find_microversion(adapter)
        return self._microversions[adapter]

    def _find_microversion(self, adapter: proxy.Proxy) -> str | None:
        if self.row.microversion is None:
            version: str | None = self.row.sdk._get_microversion(adapter)
        else:
            version = adapter.default_microversion or utils.maximum_supported_microversion(
                adapter, self.row.microversion
            )
        # Seen with discovery documents that give a maximum and no minimum.
        return version if version and discover.normalize_version_number(version) else None

    def get(self, place: Place, identifier: str) -> Item | None:
        """One item by its id; None if there is none."""
        if self.row.read is not None:
            return self.row.read(place, identifier)
        if identifier in (".", ".."):
            # No quoting keeps these from being a step in the path.
            return None
        path = self.row.item_path.format(id=quote(identifier, safe=""))
        try:
            data = self.get_json(place, path)
        except exceptions.NotFoundException:
            return None
        except exceptions.BadRequestException:
            # What some services say of an id that is not of their form. Of any other it does not
            # say that there is no such thing.
            if self.row.uuid_ids:
                raise
            return None
        item = data.get(self.row.item_key) if self.row.item_key else data
        if not isinstance(item, dict):
            raise not_an_answer(self.row)
        return item

    def one(self, place: Place, identifier: str) -> Found | None:
        """One thing by its id, as it is told; None if there is none."""
        item = self.get(place, identifier)
        return None if item is None else self.encoder(place)(item)

    def content(self, place: Place, query: Mapping[str, Any]) -> bytes:
        """One page of a list, as it comes."""
        try:
            return self._content(place, self.row.path, query)
        except exceptions.NotFoundException as error:
            # A marker may vanish; a list as a whole is there or the service does not have it.
            if "marker" in query:
                raise
            raise service_absent(self.row.service, self.row.key) from error

    def page(
        self, place: Place, query: Mapping[str, Any]
    ) -> tuple[list[Item], Mapping[str, Any] | None]:
        """One page of a list, and the query of the next; None after the last."""
        data = orjson.loads(self.content(place, query))
        key = self.row.key
        items = data.get(key) if key and isinstance(data, dict) else data if not key else None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise not_an_answer(self.row)
        if self.row.wrapped:
            items = [item.get(self.row.item_key, item) for item in items]
        if key:
            following: Mapping[str, Any] | None = next_query(data, key)
        else:
            following = {**query, "marker": items[-1][self.row.name_key]} if items else None
        return [item for item in items if not self.row.hidden(item)], following

    def query(self, place: Place, everybody: bool, extra: Mapping[str, str]) -> dict[str, str]:
        found = {**self.row.query, **extra}
        if everybody:
            found.update(self.row.all_projects)
        elif self.row.own_project and place.project.id:
            found[self.row.own_project] = place.project.id
        return found

    # Converting.

    def prepare(self, place: Place) -> Any:
        """What a conversion goes by beside the item; equal where it would change nothing."""
        return self.row.prepare(place) if self.row.prepare else None

    def encoder(self, place: Place, context: Any = None) -> Callable[[Item], Found]:
        """What makes an item of this place into what is sent."""
        row, table, cls, wanted = self.row, self.table, self.message, self._fields
        context = context or self.prepare(place)
        prefixes: dict[tuple[str, str], bytes] = {}
        has_properties, has_state = "properties" in wanted, row.state is not None
        known, state, finish, zone_key = self._known, row.state, row.finish, row.zone_key
        unsettled, mark = row.unsettled, row.mark

        def encode(item: Item) -> Found:
            zone = text(item.get(zone_key) or "") if zone_key else ""
            owner = self.owner(item)
            prefix = prefixes.get((zone, owner))
            if prefix is None:
                prefix = prefixes[zone, owner] = self._prefix(place, zone, owner)
            message = cls.FromString(prefix)
            table(message, item)
            if has_state:
                message.state = state(item)  # type: ignore[attr-defined, misc]
            if has_properties:
                more = item.keys() - known
                if more:
                    properties = message.properties  # type: ignore[attr-defined]
                    for key in more:
                        if item[key] is not None and not key.startswith(MARK):
                            properties[key] = text(item[key])
            if finish is not None:
                finish(message, item, context)
            found = Found(message)
            if unsettled is not None:
                found.unsettled = unsettled(item)
            if mark is not None:
                found.mark = mark(item)
            return found

        return encode

    def owner(self, item: Item) -> str:
        for key in self.row.project_keys:
            if item.get(key):
                return str(item[key])
        return ""

    def _prefix(self, place: Place, zone: str, owner: str) -> bytes:
        location = Location(cloud=place.cloud, region=place.region, zone=zone)
        if self.row.project_keys:
            own = not owner or owner == place.project.id
            location.project.CopyFrom(place.project if own else Project(id=owner))
        made = self.message()
        made.location.CopyFrom(location)  # type: ignore[attr-defined]
        return made.SerializeToString()

    def mine(self, place: Place, item: Item) -> bool:
        """Whether an item belongs into the caller's own list: services ignore filters they do not
        know, and list everything to an administrator."""
        owner = self.owner(item)
        return not owner or owner == place.project.id or self.row.shared(item)

    def encode(self, place: Place, items: Iterable[Item]) -> list[Found]:
        """Converts items, a slice at a time while others are being served."""
        encode, began = self.encoder(place), time.monotonic()
        found: list[Found] = []
        for item in items:
            found.append(encode(item))
            if len(found) % SLICE == 0:
                Others.make_room(began)
        return found


def next_query(data: Item, key: str) -> dict[str, str] | None:
    """The query of a list's next page; None after the last. Of a next link only the query is
    taken: clouds behind proxies put hosts there that nobody can reach."""
    link = data.get("next")
    for entry in data.get(f"{key}_links") or ():
        if entry.get("rel") == "next":
            link = entry.get("href")
    return dict(parse_qsl(urlsplit(link).query)) if link else None


def not_an_answer(row: Row) -> Refused:
    return Refused(
        grpc.StatusCode.UNKNOWN,
        Reason.REASON_CLOUD_ERROR,
        f"the {row.service} service answered with something that is no {row.noun}",
        {"service": row.service},
    )
