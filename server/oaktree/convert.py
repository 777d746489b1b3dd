"""The cloud's JSON to protobuf, by one table a message, made once at start.

A table is a list of (JSON key, setter). Setters try the plain assignment first, since clouds mostly
send what they should; only what does not fit goes through openstacksdk's own coercion, so that odd
values become what openstacksdk would have made of them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from openstack import resource

from oaktree.mapping import At, Component, Nowhere, Oddities, Put, Whole, components, keys_of, match

LOG = logging.getLogger(__name__)
# oaktree's own marks in the cloud's metadata and tags: they never show.
MARK = "oaktree_"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)
# Set by the reader and by the row, in every resource.
_COMMON = {"location", "state", "properties"}
_Field = FieldDescriptor
# What setting a field raises that holds something else than any service should send: the field then
# stays absent, since one odd value is no reason to refuse a whole list.
_UNFIT = (AttributeError, KeyError, OverflowError, TypeError, ValueError)


def put_time(message: Message, name: str, value: str) -> None:
    """A time as some service writes it. One without a zone is UTC: block storage leaves it out."""
    parsed = datetime.fromisoformat(value)
    since = parsed - (_NAIVE_EPOCH if parsed.tzinfo is None else _EPOCH)
    stamp = getattr(message, name)
    stamp.seconds = since.days * 86400 + since.seconds
    if since.microseconds:
        stamp.nanos = since.microseconds * 1000


def text(value: Any) -> str:
    """A value as text: strings as they are, all else as JSON, its keys in order."""
    if value.__class__ is str:
        return value
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def as_int(value: Any) -> int:
    """A number in whatever dress. Nova writes a flavor's swap of none as ''."""
    return int(value or 0)


def as_bool(value: Any) -> bool | None:
    if isinstance(value, str):
        # Nova's config_drive is "" or "True".
        return value.strip().lower() in ("true", "yes", "1", "on", "t", "y") if value else False
    return bool(value)


def put_reference(reference: Message, value: Any) -> None:
    if isinstance(value, dict):
        for part in ("id", "name"):
            if value.get(part):
                setattr(reference, part, text(value[part]))
    else:
        reference.id = text(value)  # type: ignore[attr-defined]


def _coerce(field: FieldDescriptor, component: Component) -> Callable[[Any], Any]:
    if field.type == _Field.TYPE_BOOL:
        return as_bool
    if field.type == _Field.TYPE_STRING:
        return text
    if field.type == _Field.TYPE_DOUBLE:
        return float
    return as_int


def _scalar(field: FieldDescriptor, component: Component) -> Put:
    name, coerce = field.name, _coerce(field, component)
    boolean = field.type == _Field.TYPE_BOOL

    def put(message: Message, value: Any) -> None:
        # protobuf takes 1 and 0 for bools and refuses the rest, but takes no bool for a number.
        if boolean and value.__class__ is not bool:
            value = coerce(value)
        try:
            setattr(message, name, value)
        except (TypeError, ValueError):
            setattr(message, name, coerce(value))

    return put


def _map(field: FieldDescriptor) -> Put:
    name = field.name

    def put(message: Message, value: dict[str, Any]) -> None:
        target = getattr(message, name)
        for key, item in value.items():
            if item is not None and not key.startswith(MARK):
                target[key] = item if item.__class__ is str else text(item)

    return put


def _strings(field: FieldDescriptor) -> Put:
    name = field.name

    def put(message: Message, value: Any) -> None:
        values = value if isinstance(value, list) else [value]
        getattr(message, name).extend(
            sorted(item for item in map(text, values) if not item.startswith(MARK))
        )

    return put


def sort_key(descriptor: Descriptor) -> Callable[[Message], Any]:
    """Orders messages by their texts, in field order: what a cloud returns in no order must not
    look changed."""
    texts = [
        f.name for f in descriptor.fields if f.type == _Field.TYPE_STRING and not f.is_repeated
    ]
    return attrgetter(*texts) if texts else lambda message: message.SerializeToString()


def _messages(field: FieldDescriptor, one: Callable[[Message, Any], None]) -> Put:
    assert field.message_type is not None
    name, key = field.name, sort_key(field.message_type)

    def put(message: Message, value: list[Any]) -> None:
        target = getattr(message, name)
        for item in value:
            if item:
                one(target.add(), item)
        if len(target) > 1:
            target.sort(key=key)

    return put


def _message(field: FieldDescriptor, one: Callable[[Message, Any], None]) -> Put:
    name = field.name

    def put(message: Message, value: Any) -> None:
        if value:
            one(getattr(message, name), value)

    return put


def _timed(field: FieldDescriptor) -> Put:
    name = field.name

    def put(message: Message, value: Any) -> None:
        if value:
            put_time(message, name, value)

    return put


def _json(field: FieldDescriptor) -> Put:
    name = field.name

    def put(message: Message, value: Any) -> None:
        if value not in ({}, []):
            setattr(message, name, orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())

    return put


def putter(
    field: FieldDescriptor, component: Component, odd: Oddities, path: str, near: Mapping[str, Any]
) -> Put:
    """What sets one field from a JSON value that is not null."""
    kind = field.message_type
    if kind is None:
        if field.is_repeated:
            return _strings(field)
        return _json(field) if field.name.endswith("_json") else _scalar(field, component)
    if kind.GetOptions().map_entry:
        return _map(field)
    if kind.full_name == "google.protobuf.Timestamp":
        return _timed(field)
    if kind.name == "Reference":
        one: Callable[[Message, Any], None] = put_reference
    else:
        inner = component and (component.list_type if field.is_repeated else component.type)
        known = isinstance(inner, type) and issubclass(inner, resource.Resource)
        one = Table(kind, inner if known else None, odd, f"{path}{field.name}.", near)
    return _messages(field, one) if field.is_repeated else _message(field, one)


class Table:
    """How one message is filled from one JSON object.

    `odd` is keyed by the field's path from the resource ("flavor.name"). A field of the resource's
    own with no source is a LookupError at start: an attribute that moved would else be lost in
    silence.
    """

    def __init__(
        self,
        descriptor: Descriptor,
        sdk: type[resource.Resource] | None,
        odd: Oddities,
        path: str = "",
        near: Mapping[str, Component] | None = None,
    ) -> None:
        known = components(sdk) if sdk else {}
        # Plain strings, most of all fields, take the shortest way.
        self._strings: list[tuple[str, str, Put]] = []
        self._others: list[tuple[str, Put]] = []
        self._wholes: list[Callable[[Message, dict[str, Any]], None]] = []
        self.keys: set[str] = set()
        missing = []
        for field in descriptor.fields:
            here = path + field.name
            entry = odd.get(here)
            put = None
            component = None
            if entry is Nowhere or (entry is None and not path and field.name in _COMMON):
                continue
            if isinstance(entry, Whole):
                self._wholes.append(entry.put)
                self.keys.update(entry.keys)
                continue
            if isinstance(entry, At):
                keys, put = [entry.key], entry.put
                component = next((c for c in known.values() if c.name == entry.key), None)
            elif sdk is not None:
                attribute = match(field, known)
                if attribute is None:
                    if field.number >= 16 or path:
                        missing.append(here)
                    continue
                component = known[attribute]
                keys = keys_of(attribute, known, top=not path)
            else:
                keys = self._guess(field, near or {})
            if put is not None:
                # What is odd may be zero or empty and still mean something.
                self._others += [(key, put) for key in keys]
                self.keys.update(keys)
            else:
                self._add(field, keys, putter(field, component, odd, path, known or near or {}))
        if missing:
            raise LookupError(
                f"{descriptor.full_name}: no attribute of openstacksdk's "
                f"{sdk.__name__ if sdk else 'none'} is {', '.join(missing)}; the row must say"
            )

    @staticmethod
    def _guess(field: FieldDescriptor, near: Mapping[str, Component]) -> list[str]:
        """Keys in an object that openstacksdk has no class for: the field's own name and what
        follows from it."""
        if field.message_type is not None and field.message_type.name == "Reference":
            return [field.name, field.name + "_id"]
        found = [field.name, re.sub(r"_(mib|gib|bytes)$", "", re.sub(r"^is_", "", field.name))]
        if field.name in near:
            found.append(near[field.name].name)
        return list(dict.fromkeys(found))

    def _add(self, field: FieldDescriptor, keys: list[str], put: Put) -> None:
        plain = (
            field.type == _Field.TYPE_STRING and not field.is_repeated and not field.has_presence
        )
        for key in keys:
            self.keys.add(key)
            if plain and not field.name.endswith("_json"):
                self._strings.append((key, field.name, put))
            else:
                self._others.append((key, put))

    def __call__(self, message: Message, item: Any) -> None:
        if item.__class__ is not dict:
            # Old clouds give a bare id where others give an object.
            item = {"id": text(item)}
        get = item.get
        for key, name, put in self._strings:
            value = get(key)
            if value:
                try:
                    setattr(message, name, value)
                except TypeError:
                    put(message, value)
        for key, put in self._others:
            value = get(key)
            if value is not None:
                try:
                    put(message, value)
                except _UNFIT:
                    LOG.debug("%s: what %s holds does not fit", message.DESCRIPTOR.name, key)
        for whole in self._wholes:
            try:
                whole(message, item)
            except _UNFIT:
                LOG.debug("%s: an item of another shape", message.DESCRIPTOR.name)
