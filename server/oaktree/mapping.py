"""Which key of the cloud's JSON is which field of a message.

openstacksdk's Resource classes say which JSON key is which attribute, and a field finds its
attribute by name: as it is, without its unit (`ram_mib` is `ram`), without `is_` or `has_`, or, for
a Reference, with `_id`. What fits no rule, a resource's row says itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from openstack import fields, resource

UNIT = re.compile(r"_(mib|gib|bytes|seconds)$")
Component: TypeAlias = Any  # openstacksdk's fields._BaseComponent
Put: TypeAlias = Callable[[Message, Any], None]


@dataclass(frozen=True)
class At:
    """The field's value stands under this JSON key; `put` sets it where its type alone does not
    say how."""

    key: str
    put: Put | None = None


@dataclass(frozen=True)
class Whole:
    """The field is made from the whole item."""

    put: Callable[[Message, dict[str, Any]], None]
    keys: tuple[str, ...] = ()


class Nowhere:
    """The field is not in the item: something else fills it."""


Odd: TypeAlias = At | Whole | type[Nowhere]
Oddities: TypeAlias = Mapping[str, Odd]


def components(sdk: type[resource.Resource]) -> dict[str, Component]:
    """Attribute -> component, the nearest class's first, as openstacksdk itself finds them.

    Not `_body_mapping()`: that keeps one attribute a JSON key and so loses some.
    """
    found: dict[str, Component] = {}
    for attribute, component in sdk._attributes_iterator((fields.Body,)):
        found.setdefault(attribute, component)
    return found


def names(field: FieldDescriptor) -> list[str]:
    """The openstacksdk attributes that a field may be, the likeliest first."""
    name = field.name
    if field.message_type is not None and field.message_type.name == "Reference":
        return [name, name[:-1] + "_ids"] if field.is_repeated else [name, name + "_id"]
    bare = UNIT.sub("", name)
    found = [name, bare, re.sub(r"^(is|has)_", "", bare), "is_" + bare, bare + "_id"]
    if name == "revision":
        found.append("revision_number")
    return list(dict.fromkeys(found))


def match(field: FieldDescriptor, known: Mapping[str, Component]) -> str | None:
    """The attribute that a field is; None if none fits."""
    return next((name for name in names(field) if name in known), None)


def keys_of(attribute: str, known: Mapping[str, Component], top: bool) -> list[str]:
    """The JSON keys an attribute is read from; where several are present the last one wins."""
    component = known[attribute]
    alias = known.get(component.alias) if component.alias else None
    keys = [alias.name] if alias else []
    # Inside an item services use now the one, now the other name.
    if not top:
        keys.append(attribute)
    return list(dict.fromkeys([*keys, component.name]))
