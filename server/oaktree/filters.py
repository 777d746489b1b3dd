"""`where`: which of the listed things the caller wants.

A filter is compiled once a call into a test on the message; the path is checked against the
descriptor, so that a mistyped one is an error and not an empty list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from oaktreemodel.v1.filter_pb2 import Filter

from oaktree.errors import invalid

Test: TypeAlias = Callable[[Message], bool]
# Gives every value that stands at the path, as text.
Values: TypeAlias = Callable[[Any], Iterable[str]]
# Too large to be listed whole, or not meant to be searched.
_REFUSED = frozenset({"user_data"})


def compile_all(descriptor: Descriptor, filters: Sequence[Filter]) -> Test | None:
    """A test that all the filters must pass; None where there are none."""
    tests = [_compile(descriptor, one, f"where[{n}]") for n, one in enumerate(filters)]
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda message: all(test(message) for test in tests)


def wanted(descriptor: Descriptor, request: Any, zoned: bool) -> Test | None:
    """What a List or Watch is to show: its filters, and the zone of its location, which only
    filters, and only what is in zones. None: everything."""
    test, zone = compile_all(descriptor, request.where), request.location.zone
    if not zone or not zoned:
        return test
    return lambda message: (
        message.location.zone == zone and (test is None or test(message))  # type: ignore[attr-defined]
    )


def _compile(descriptor: Descriptor, one: Filter, where: str) -> Test:
    if not one.path:
        raise invalid(f"{where}.path", "is missing; give the name of a field")
    if any(part in _REFUSED for part in one.path):
        raise invalid(f"{where}.path", f"{'.'.join(one.path)} cannot be searched")
    values, enum = _path(descriptor, list(one.path), where)
    wanted = {_canonical(value, enum, where) for value in one.values}
    if one.op == Filter.OP_EXISTS:
        if wanted - {"true", "false"} or len(wanted) > 1:
            raise invalid(f"{where}.values", 'EXISTS takes "true", "false" or nothing')
        exists = wanted != {"false"}
        return lambda message: any(v != "" for v in values(message)) == exists
    if not wanted:
        raise invalid(f"{where}.values", "are missing; give at least one")
    if one.op == Filter.OP_PREFIX:
        prefixes = tuple(wanted)
        return lambda message: any(v.startswith(prefixes) for v in values(message))
    if one.op == Filter.OP_NOT:
        return lambda message: wanted.isdisjoint(values(message))
    # An absent text is an empty one: {"description": ""} finds what has none.
    if "" in wanted:
        return lambda message: any(v in wanted for v in values(message)) or not any(values(message))
    return lambda message: any(v in wanted for v in values(message))


def _canonical(value: str, enum: EnumDescriptor | None, where: str) -> str:
    """A value as the field's own would be written: of an enum, its number and its short name are
    as good as its name."""
    if enum is None:
        return value
    if re.fullmatch(r"[0-9]{1,9}", value) and int(value) in enum.values_by_number:
        return str(enum.values_by_number[int(value)].name)
    prefix = str(enum.values_by_number[0].name).removesuffix("UNSPECIFIED")
    upper = value.upper()
    named = upper if upper.startswith(prefix) else prefix + upper
    if named not in enum.values_by_name:
        known = ", ".join(name.removeprefix(prefix) for name in enum.values_by_name)
        raise invalid(f"{where}.values", f"{value!r} is none of {known}")
    return named


def _path(
    descriptor: Descriptor, path: list[str], where: str
) -> tuple[Values, EnumDescriptor | None]:
    """What gives the values at a path, and the enum that stands there, if one does."""
    name, rest = path[0], path[1:]
    field = descriptor.fields_by_name.get(name)
    if field is None:
        known = ", ".join(sorted(descriptor.fields_by_name))
        raise invalid(f"{where}.path", f"{descriptor.name} has no field {name!r}; it has {known}")
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        return _map(name, rest, where), None
    if kind is not None and kind.full_name == "google.protobuf.Timestamp":
        if rest:
            raise invalid(f"{where}.path", f"{name} is a time and holds no {rest[0]!r}")
        return _time(name), None
    if kind is not None:
        if not rest:
            # A Reference is meant by either of its halves; any other message only as a whole.
            if kind.name != "Reference":
                inner = ", ".join(sorted(kind.fields_by_name))
                raise invalid(f"{where}.path", f"{name} needs a field inside it: {inner}")
            return _either(name, field.is_repeated), None
        inner_values, enum = _path(kind, rest, where)
        return _inside(name, field.is_repeated, inner_values), enum
    if rest:
        raise invalid(f"{where}.path", f"{name} holds no {rest[0]!r}")
    return _scalar(field), field.enum_type


def _as_text(field: FieldDescriptor) -> Callable[[Any], str]:
    if field.type == FieldDescriptor.TYPE_BOOL:
        return lambda value: "true" if value else "false"
    if field.enum_type is not None:
        named = field.enum_type.values_by_number
        return lambda value: str(named[value].name) if value in named else str(value)
    return str


def _scalar(field: FieldDescriptor) -> Values:
    name, as_text = field.name, _as_text(field)
    if field.is_repeated:
        return lambda message: map(as_text, getattr(message, name))
    if field.has_presence:
        return lambda message: (as_text(getattr(message, name)),) if message.HasField(name) else ()
    return lambda message: (as_text(getattr(message, name)),)


def _time(name: str) -> Values:
    def values(message: Any) -> Iterable[str]:
        return (getattr(message, name).ToJsonString(),) if message.HasField(name) else ()

    return values


def _map(name: str, rest: list[str], where: str) -> Values:
    if not rest:
        return lambda message: getattr(message, name).keys()
    if len(rest) > 1:
        raise invalid(f"{where}.path", f"after {name} comes one key, in one piece")
    key = rest[0]

    def values(message: Any) -> Iterable[str]:
        held = getattr(message, name)
        return (held[key],) if key in held else ()

    return values


def _inside(name: str, repeated: bool, inner: Values) -> Values:
    if repeated:
        return lambda message: [v for one in getattr(message, name) for v in inner(one)]
    return lambda message: inner(getattr(message, name)) if message.HasField(name) else ()


def _either(name: str, repeated: bool) -> Values:
    if repeated:
        return lambda message: [v for one in getattr(message, name) for v in (one.id, one.name)]

    def values(message: Any) -> Iterable[str]:
        one = getattr(message, name)
        return (one.id, one.name) if message.HasField(name) else ()

    return values
