"""Messages, fields and enums of a proto tree, and where they stand in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
)

if TYPE_CHECKING:
    from model import File, Model

PACKAGE = "oaktreemodel.v1"
LOCATION = f"{PACKAGE}.Location"
TIMESTAMP = "google.protobuf.Timestamp"
DURATION = "google.protobuf.Duration"


def snake(name: str) -> str:
    """`FloatingIp` becomes `floating_ip`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def pascal(name: str) -> str:
    """`floating_ip` becomes `FloatingIp`."""
    return "".join(part.capitalize() for part in name.split("_"))


@dataclass(frozen=True, eq=False)
class Source:
    """Where something stands in a proto file, and what its author says of it."""

    path: str
    line: int
    comment: str


# What is wrong, and where.
Violation = tuple[Source, str]


@dataclass(frozen=True, eq=False)
class Enum:
    """An enum; `full_name` is without a leading dot, as everywhere here."""

    proto: EnumDescriptorProto
    full_name: str
    file: File
    source: Source


@dataclass(frozen=True, eq=False)
class Field:
    """One field of a message."""

    proto: FieldDescriptorProto
    source: Source
    model: Model = field(repr=False)

    @property
    def name(self) -> str:
        return self.proto.name

    @property
    def number(self) -> int:
        return self.proto.number

    @property
    def is_repeated(self) -> bool:
        """Whether it is a list; a map is not."""
        return self.proto.label == FieldDescriptorProto.LABEL_REPEATED and not self.map_entry

    @property
    def has_presence(self) -> bool:
        """Whether its absence can be told from its zero."""
        return self.proto.HasField("oneof_index") or (
            self.message is not None and not self.is_repeated and not self.map_entry
        )

    @property
    def type_name(self) -> str:
        """The full name of its message or enum; empty for a scalar."""
        return self.proto.type_name.removeprefix(".")

    @cached_property
    def message(self) -> Message | None:
        """The message it holds, or None."""
        return self.model.messages.get(self.type_name)

    @cached_property
    def enum(self) -> Enum | None:
        """The enum it holds, or None."""
        return self.model.enums.get(self.type_name)

    @cached_property
    def map_entry(self) -> Message | None:
        """The message of a map's key and value, or None for what is no map."""
        message = self.message
        return message if message and message.proto.options.map_entry else None

    @property
    def scalar(self) -> str:
        """Its type as it is written in the proto file ("int64"); empty for messages and enums."""
        if self.type_name:
            return ""
        return FieldDescriptorProto.Type.Name(self.proto.type).removeprefix("TYPE_").lower()

    @property
    def written(self) -> str:
        """Its type as it is written in the proto file, with full names: "repeated string"."""
        if self.map_entry:
            key, value = self.map_entry.fields
            return f"map<{key.written}, {value.written}>"
        kind = self.scalar or self.type_name
        return f"repeated {kind}" if self.is_repeated else kind


@dataclass(frozen=True, eq=False)
class Message:
    """A message, with its fields in the order of the file."""

    proto: DescriptorProto
    full_name: str
    file: File
    source: Source
    fields: tuple[Field, ...]

    @property
    def name(self) -> str:
        return self.proto.name

    def field(self, key: str | int) -> Field | None:
        """The field of that name or number, or None."""
        return next((one for one in self.fields if key in (one.name, one.number)), None)
