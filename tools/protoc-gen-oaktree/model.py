"""What a CodeGeneratorRequest says, in the words of the API: files, services, resources, calls.

Everything an emitter needs is here, so that a language is one more `emit_*.py` and no second look
at descriptors. Whether the proto tree keeps the rules is the business of `rules.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)
from messages import Enum, Field, Message, Source, snake

STANDARD_VERBS = ("List", "Get", "Create", "Update", "Delete", "Wait", "Watch")
# An rpc that begins with one of these changes nothing; every other one does.
READING_VERBS = ("List", "Get", "Wait", "Watch", "Download", "Plan")
# These answer with a stream, and no others do.
STREAMING_VERBS = ("List", "Wait", "Watch", "Upload", "Download")
# These take a stream, and no others do.
SENDING_VERBS = ("Upload",)

# The result of these is many things.
PLURAL_VERBS = ("List", "Watch")

# Field 1 of a response is its result; where that is no resource, it is this one, the first that a
# message may call its own.
FIRST_OWN_NUMBER = 16


@dataclass(frozen=True, eq=False)
class Rpc:
    """One call of a service."""

    proto: MethodDescriptorProto
    service: Service
    source: Source
    request: Message
    response: Message

    @property
    def name(self) -> str:
        return self.proto.name

    @property
    def verb(self) -> str:
        """The first word of the name."""
        return re.sub(r"(?<!^)[A-Z].*", "", self.name)

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing."""
        return self.verb in READING_VERBS

    @cached_property
    def is_standard(self) -> bool:
        """Whether it is one of the verbs that every resource has, of the service's own noun."""
        if self.verb == "Watch":
            return self.name == self.verb + self.service.plural
        return self.is_list or (
            self.verb in STANDARD_VERBS and self.name == self.verb + self.service.noun
        )

    @property
    def standard_verb(self) -> str:
        """Its verb if it is a standard one, else empty."""
        return self.verb if self.is_standard else ""

    @cached_property
    def is_list(self) -> bool:
        """Whether it lists the service's own resource."""
        items = self.response.field(1)
        return (
            self.verb == "List"
            and items is not None
            and items.is_repeated
            and items.message is self.service.resource
        )

    @cached_property
    def listing(self) -> Rpc | None:
        """The call that lists the service's own resource; None for what is one of its kind."""
        return next((one for one in self.service.rpcs if one.is_list), None)

    @property
    def is_of_its_own(self) -> bool:
        """Whether it is named after what it answers with, not after the service's noun."""
        answer = self.response.field(1)
        return (
            answer is not None
            and answer.message is not None
            and not answer.is_repeated
            and self.name == self.verb + answer.message.name
        )

    @cached_property
    def method(self) -> str:
        """What it is called on a collection, in snake case: `delete_unattached`."""
        if self.is_standard:
            return self.verb.lower()
        rest = self.name.replace(self.service.plural, "", 1)
        if rest == self.name:
            rest = self.name.replace(self.service.noun, "", 1)
        return snake(rest)

    @cached_property
    def result(self) -> Field | None:
        """The field of the response that a caller wants; None if there is nothing to hand over."""
        if self.standard_verb == "Delete":
            return None
        answer = self.response
        return answer.field(1) or answer.field(FIRST_OWN_NUMBER) or answer.field("ticket")

    @cached_property
    def secrets(self) -> tuple[Field, ...]:
        """The fields of the response that are shown once and never again."""
        return tuple(
            one
            for one in self.response.fields
            if one.message and one.message.name == "Secret" and one is not self.result
        )

    @property
    def arguments(self) -> tuple[Field, ...]:
        """The fields of the request that a caller gives; the location comes from the scope."""
        return tuple(one for one in self.request.fields if one.name != "location")


@dataclass(eq=False)
class Service:
    """A service: one resource and what can be done with it."""

    proto: ServiceDescriptorProto
    file: File
    source: Source
    rpcs: tuple[Rpc, ...] = ()

    @property
    def name(self) -> str:
        return self.proto.name

    @property
    def full_name(self) -> str:
        return f"{self.file.proto.package}.{self.name}"

    @property
    def noun(self) -> str:
        """The resource's name: `Server` for `ServerService`."""
        return self.name.removesuffix("Service")

    @cached_property
    def resource(self) -> Message | None:
        """The message named after the service."""
        return self.file.model.messages.get(f"{self.file.proto.package}.{self.noun}")

    @cached_property
    def plural(self) -> str:
        """What its List calls many of them; what has no List is one of its kind."""
        for rpc in self.rpcs:
            if rpc.is_list:
                return rpc.name.removeprefix("List")
        return self.noun

    @property
    def collection(self) -> str:
        """What it is called on a client: `floating_ips`."""
        return snake(self.plural)


@dataclass(eq=False)
class File:
    """One proto file."""

    proto: FileDescriptorProto
    model: Model = field(repr=False)
    is_ours: bool
    messages: list[Message] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    enums: list[Enum] = field(default_factory=list)

    @property
    def path(self) -> str:
        return self.proto.name

    @property
    def stem(self) -> str:
        """`server` for `oaktreemodel/v1/server.proto`."""
        return self.path.rsplit("/", 1)[-1].removesuffix(".proto")

    @property
    def rpcs(self) -> Iterator[Rpc]:
        """The calls of its services."""
        for service in self.services:
            yield from service.rpcs

    @property
    def fields(self) -> Iterator[tuple[Message, Field]]:
        """Every field of every message, with its message."""
        for message in self.messages:
            for one in message.fields:
                yield message, one

    @property
    def requests(self) -> list[Message]:
        """The requests of its calls."""
        return [rpc.request for rpc in self.rpcs]

    @property
    def responses(self) -> list[Message]:
        """The responses of its calls."""
        return [rpc.response for rpc in self.rpcs]

    @property
    def resources(self) -> list[Message]:
        """What is named after the service, and what else its calls answer with."""
        found = [service.resource for service in self.services]
        for response in self.responses:
            answer = response.field(1)
            found.append(answer.message if answer else None)
        return [one for one in dict.fromkeys(found) if one is not None and one.file is self]

    @cached_property
    def _sources(self) -> dict[tuple[int, ...], Source]:
        return {
            tuple(one.path): Source(
                self.path,
                one.span[0] + 1,
                "\n".join(
                    line.removeprefix(" ").rstrip() for line in one.leading_comments.splitlines()
                ).strip(),
            )
            for one in self.proto.source_code_info.location
        }

    def source(self, *path: int) -> Source:
        """Where the thing at that descriptor path stands; an empty path is the file itself."""
        return self._sources.get(path) or Source(self.path, 1, "")


class Model:
    """Every file of a request; `files` are those to generate for, in order of their paths."""

    def __init__(self, request: CodeGeneratorRequest) -> None:
        self.messages: dict[str, Message] = {}
        self.enums: dict[str, Enum] = {}
        wanted = set(request.file_to_generate)
        everything = [File(proto, self, proto.name in wanted) for proto in request.proto_file]
        for file in everything:
            self._add_types(file)
        for file in everything:
            self._add_services(file)
        self.files = sorted((one for one in everything if one.is_ours), key=lambda one: one.path)

    @property
    def services(self) -> Iterator[Service]:
        """Every service, in order of the files' paths."""
        for file in self.files:
            yield from file.services

    def _add_types(self, file: File) -> None:
        package = file.proto.package
        for index, enum in enumerate(file.proto.enum_type):
            self._add_enum(file, enum, package, (5, index))
        for index, message in enumerate(file.proto.message_type):
            self._add_message(file, message, package, (4, index))

    def _add_enum(
        self, file: File, proto: EnumDescriptorProto, scope: str, path: tuple[int, ...]
    ) -> None:
        enum = Enum(proto, f"{scope}.{proto.name}", file, file.source(*path))
        self.enums[enum.full_name] = enum
        file.enums.append(enum)

    def _add_message(
        self, file: File, proto: DescriptorProto, scope: str, path: tuple[int, ...]
    ) -> None:
        full_name = f"{scope}.{proto.name}"
        fields = tuple(
            Field(one, file.source(*path, 2, index), self) for index, one in enumerate(proto.field)
        )
        message = Message(proto, full_name, file, file.source(*path), fields)
        self.messages[full_name] = message
        if not proto.options.map_entry:
            file.messages.append(message)
        for index, nested in enumerate(proto.nested_type):
            self._add_message(file, nested, full_name, (*path, 3, index))
        for index, enum in enumerate(proto.enum_type):
            self._add_enum(file, enum, full_name, (*path, 4, index))

    def _add_services(self, file: File) -> None:
        for index, proto in enumerate(file.proto.service):
            service = Service(proto, file, file.source(6, index))
            service.rpcs = tuple(
                Rpc(
                    method,
                    service,
                    file.source(6, index, 2, number),
                    self.messages[method.input_type.removeprefix(".")],
                    self.messages[method.output_type.removeprefix(".")],
                )
                for number, method in enumerate(proto.method)
            )
            file.services.append(service)
