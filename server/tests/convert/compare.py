"""Our messages and openstacksdk's resources as the same plain Python, driven by descriptors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from oaktree.mapping import components, match
from oaktree.row import Item
from openstack import resource

# What a field should be, given openstacksdk's answer and the item.
Expected: TypeAlias = Callable[[Any, Item], Any]
MARK = "oaktree_"
NUMBERS = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)


def kind(field: FieldDescriptor) -> str:
    """The name of the message a field holds; "map" for maps, empty for all that holds none."""
    if field.message_type is None:
        return ""
    return "map" if field.message_type.GetOptions().map_entry else str(field.message_type.name)


def inside(field: FieldDescriptor) -> Descriptor:
    assert field.message_type is not None
    return field.message_type


def is_nested(field: FieldDescriptor) -> bool:
    return kind(field) not in ("", "map", "Reference", "Timestamp", "Location")


def ours(field: FieldDescriptor, message: Any) -> Any:
    """A field's value; None for an absent one that could be told from zero."""
    value = getattr(message, field.name)
    if kind(field) == "map":
        return dict(value)
    if field.is_repeated:
        return sorted((_one(field, one) for one in value), key=repr)
    if field.has_presence and not message.HasField(field.name):
        return None
    return _one(field, value)


def _one(field: FieldDescriptor, value: Any) -> Any:
    if kind(field) == "Timestamp":
        return value.ToDatetime(UTC)
    if kind(field) == "Reference":
        return value.id, value.name
    if is_nested(field):
        return {inner.name: ours(inner, value) for inner in inside(field).fields}
    if field.name.endswith("_json"):
        return json.loads(value) if value else ""
    return value


def time(value: Any) -> datetime | None:
    if not value:
        return None
    parsed = datetime.fromisoformat(value)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def reference(value: Any) -> tuple[str, str] | None:
    if not isinstance(value, Mapping):
        return (str(value), "") if value else None
    pair = str(value.get("id") or ""), str(value.get("name") or "")
    return pair if any(pair) else None


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


class Expectation:
    """What a message should hold, from openstacksdk's answer to the same JSON.

    `different` says of some fields, by path, what they should be instead of openstacksdk's
    attribute; `inner_keys` names the keys of objects that openstacksdk has no class for, where they
    are not the field's name.
    """

    def __init__(
        self,
        different: Mapping[str, Expected],
        inner_keys: Mapping[str, str],
        answer: Any,
        item: Item,
    ) -> None:
        self._different = different
        self._inner_keys = inner_keys
        self._answer = answer
        self._item = item

    def of(self, descriptor: Descriptor, path: str, told: Any) -> dict[str, Any]:
        return {
            field.name: self.field(field, f"{path}.{field.name}", told)
            for field in descriptor.fields
        }

    def field(self, field: FieldDescriptor, path: str, told: Any) -> Any:
        if path in self._different:
            # Inside a list, the one that the message is of.
            within = path.count(".") > 1 and not isinstance(told, resource.Resource)
            return self._different[path](told if within else self._answer, self._item)
        return self._converted(field, path, self._value(field, path, told))

    def _value(self, field: FieldDescriptor, path: str, told: Any) -> Any:
        if not isinstance(told, resource.Resource):
            return told.get(self._inner_keys.get(path, field.name))
        known = components(type(told))
        attribute = match(field, known)
        assert attribute is not None, f"{path}: openstacksdk has nothing of that name"
        names = {known[attribute].name}
        if known[attribute].alias:
            names.add(known[known[attribute].alias].name)
        # openstacksdk has defaults for some: what nobody told would look told.
        return getattr(told, attribute) if names & told._body.attributes.keys() else None

    def _converted(self, field: FieldDescriptor, path: str, value: Any) -> Any:
        if kind(field) == "map":
            shown = (value or {}).items()
            return {k: text(v) for k, v in shown if v is not None and not k.startswith(MARK)}
        if field.is_repeated:
            return sorted(self._listed(field, path, value or ()), key=repr)
        if kind(field) == "Timestamp":
            return time(value)
        if kind(field) == "Reference":
            return reference(value)
        if is_nested(field):
            return self.of(inside(field), path, value) if value else None
        if field.name.endswith("_json"):
            return value or ""
        if field.type == FieldDescriptor.TYPE_STRING:
            return text(value) if value not in (None, "") else ""
        if isinstance(value, str) and field.cpp_type in NUMBERS:
            # openstacksdk leaves as they are those that it has no type for.
            return int(value)
        return 0 if value is None and not field.has_presence else value

    def _listed(self, field: FieldDescriptor, path: str, value: Any) -> Iterator[Any]:
        for one in value:
            if is_nested(field):
                yield self.of(inside(field), path, one)
            elif kind(field) == "Reference":
                yield reference(one)
            elif not one.startswith(MARK):
                yield one


def paths(descriptor: Descriptor, path: str) -> Iterator[str]:
    """Every field of a message, and of those inside it."""
    for field in descriptor.fields:
        yield f"{path}.{field.name}"
        if is_nested(field):
            yield from paths(inside(field), f"{path}.{field.name}")


def set_paths(message: Any, path: str) -> Iterator[str]:
    """Those of them that a message sets."""
    for field, value in message.ListFields():
        yield f"{path}.{field.name}"
        if is_nested(field):
            for one in value if field.is_repeated else [value]:
                yield from set_paths(one, f"{path}.{field.name}")
