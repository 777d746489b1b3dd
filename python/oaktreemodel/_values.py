"""Plain Python values into request messages.

Callers give `dict`, `list`, `datetime` and so on; the field's descriptor says what they become. An
argument that is None is left out of the request.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from oaktreemodel.v1.common_pb2 import MapUpdate
from oaktreemodel.v1.filter_pb2 import Filter

T = TypeVar("T")

# What the generated methods accept for the messages that have a plain value.
Time: TypeAlias = datetime.datetime | Timestamp
Span: TypeAlias = datetime.timedelta | float | Duration
Changes: TypeAlias = Mapping[str, str | None] | MapUpdate
# The keys are str or tuples of str; a type checker would infer neither of a dict that has both.
Conditions: TypeAlias = Mapping[Any, object] | Iterable[Filter]
OnState: TypeAlias = Callable[[T], object]


def fill(message: Message, values: Mapping[str, object]) -> None:
    """Set the fields of a message from plain values.

    Raises TypeError or ValueError, naming the argument, for a value that does not fit.
    """
    fields = message.DESCRIPTOR.fields_by_name
    for name, value in values.items():
        if value is None:
            continue
        field: Any = fields.get(name)
        if field is None:
            kind = message.DESCRIPTOR.name
            raise TypeError(f"{kind} has no field {name!r}; it has {', '.join(sorted(fields))}")
        try:
            _set(message, field, value)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


def _set(message: Message, field: FieldDescriptor, value: Any) -> None:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        _fill_map(getattr(message, field.name), kind, _mapping(value))
    elif field.is_repeated:
        getattr(message, field.name).extend(_elements(field, value))
    elif kind is not None:
        getattr(message, field.name).CopyFrom(_as_message(kind, value))
    elif field.enum_type is not None:
        setattr(message, field.name, _as_enum(field.enum_type, value))
    else:
        setattr(message, field.name, _as_scalar(field, value))


def _fill_map(target: Any, entry: Descriptor, values: Mapping[Any, Any]) -> None:
    keys: Any = entry.fields_by_name["key"]
    items: Any = entry.fields_by_name["value"]
    for key, value in values.items():
        if items.message_type is not None:
            target[_as_scalar(keys, key)].CopyFrom(_as_message(items.message_type, value))
        else:
            target[_as_scalar(keys, key)] = _as_scalar(items, value)


def _elements(field: FieldDescriptor, value: Any) -> list[Any]:
    kind = field.message_type
    if kind is not None and kind.full_name == Filter.DESCRIPTOR.full_name:
        return _as_filters(value)
    values = _iterable(value)
    if kind is not None:
        return [_as_message(kind, one) for one in values]
    if field.enum_type is not None:
        return [_as_enum(field.enum_type, one) for one in values]
    return [_as_scalar(field, one) for one in values]


def _mapping(value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"a mapping is needed, not {type(value).__name__}")
    return value


def _iterable(value: Any) -> Iterable[Any]:
    # A string is an iterable of strings, and never meant as one.
    if isinstance(value, str | bytes | Mapping | Message) or not isinstance(value, Iterable):
        raise TypeError(f"a list is needed, not {type(value).__name__}")
    return value


def _as_scalar(field: FieldDescriptor, value: Any) -> Any:
    wanted = _SCALARS.get(field.type, int)
    fits = isinstance(value, int | float if wanted is float else wanted)
    # A bool is an int to Python, and a mistake where a number is meant.
    if not fits or (isinstance(value, bool) and wanted is not bool):
        raise TypeError(f"{wanted.__name__} is needed, not {type(value).__name__}")
    return value


_SCALARS: dict[int, type] = {
    FieldDescriptor.TYPE_STRING: str,
    FieldDescriptor.TYPE_BYTES: bytes,
    FieldDescriptor.TYPE_BOOL: bool,
    FieldDescriptor.TYPE_DOUBLE: float,
    FieldDescriptor.TYPE_FLOAT: float,
}


def _as_enum(kind: EnumDescriptor, value: Any) -> int:
    if isinstance(value, int):
        return value
    if not isinstance(value, str):
        raise TypeError(f"a word is needed, not {type(value).__name__}")
    prefix = kind.values_by_number[0].name.removesuffix("UNSPECIFIED")
    names = kind.values_by_name
    word = value.upper()
    for name in (word, prefix + word):
        if name in names:
            return int(names[name].number)
    words = ", ".join(name.removeprefix(prefix).lower() for name in names)
    raise ValueError(f"{value!r} is none of {words}")


def _as_message(kind: Descriptor, value: Any) -> Message:
    if isinstance(value, Message):
        if value.DESCRIPTOR.full_name != kind.full_name:
            raise TypeError(f"{kind.name} is needed, not {value.DESCRIPTOR.name}")
        return value
    convert = _PLAIN.get(kind.full_name)
    if convert is not None:
        return convert(value)
    message: Message = GetMessageClass(kind)()
    if list(kind.fields_by_name) == ["values"] and not isinstance(value, Mapping):
        fill(message, {"values": value})
    else:
        # Setting it makes it present even when nothing is in it.
        message.SetInParent()
        fill(message, _mapping(value))
    return message


def _as_timestamp(value: Any) -> Timestamp:
    if not isinstance(value, datetime.datetime):
        raise TypeError(f"a datetime is needed, not {type(value).__name__}")
    if value.tzinfo is None:
        raise ValueError("a datetime without a time zone does not say when; give it one")
    message = Timestamp()
    message.FromDatetime(value)
    return message


def _as_duration(value: Any) -> Duration:
    if isinstance(value, int | float):
        value = datetime.timedelta(seconds=value)
    if not isinstance(value, datetime.timedelta):
        raise TypeError(f"seconds or a timedelta are needed, not {type(value).__name__}")
    message = Duration()
    message.FromTimedelta(value)
    return message


def _as_map_update(value: Any) -> MapUpdate:
    changes = _mapping(value)
    return MapUpdate(
        set={key: word for key, word in changes.items() if word is not None},
        remove=sorted(key for key, word in changes.items() if word is None),
    )


_PLAIN: dict[str, Callable[[Any], Message]] = {
    Timestamp.DESCRIPTOR.full_name: _as_timestamp,
    Duration.DESCRIPTOR.full_name: _as_duration,
    MapUpdate.DESCRIPTOR.full_name: _as_map_update,
}


def _as_filters(value: Any) -> list[Filter]:
    if not isinstance(value, Mapping):
        return list(_iterable(value))
    return [_as_filter(path, wanted) for path, wanted in value.items()]


def _as_filter(path: Any, wanted: Any) -> Filter:
    steps = list(path) if isinstance(path, tuple) else [path]
    if not all(isinstance(one, str) for one in steps):
        raise TypeError("a field is named by a str or a tuple of str")
    if wanted is None:
        return Filter(path=steps, op=Filter.OP_EXISTS, values=["false"])
    choices = wanted if isinstance(wanted, list | tuple | set | frozenset) else [wanted]
    return Filter(path=steps, values=[_as_text(one) for one in choices])


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime.datetime):
        return _as_timestamp(value).ToJsonString()
    raise TypeError(f"cannot compare with a {type(value).__name__}; give text")
