"""The proto tree as the server sees it: every file, message and rpc of `oaktreemodel.v1`."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass
from functools import cache

import oaktreemodel.v1
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor
from google.protobuf.message import Message

PACKAGE = "oaktreemodel.v1"
VERBS = ("List", "Get", "Create", "Update", "Delete", "Wait", "Watch", "Upload", "Download")


@cache
def files() -> tuple[FileDescriptor, ...]:
    """Every file of the tree, by what is installed: a new resource needs no list here."""
    names = sorted(
        module.name
        for module in pkgutil.iter_modules(oaktreemodel.v1.__path__)
        if module.name.endswith("_pb2")
    )
    return tuple(importlib.import_module(f"{PACKAGE}.{name}").DESCRIPTOR for name in names)


def descriptor(name: str) -> Descriptor:
    """The descriptor of a message by its short name, such as "Server"."""
    for file in files():
        if name in file.message_types_by_name:
            return file.message_types_by_name[name]
    raise LookupError(f"the proto tree has no message {name}")


@cache
def message_class(name: str) -> type[Message]:
    """The class of a message by its short name."""
    return message_factory.GetMessageClass(descriptor(name))


@dataclass(frozen=True)
class Rpc:
    """One rpc. `verb` is a standard one, or empty where the rpc is its own."""

    name: str
    path: str
    noun: str
    verb: str
    request: type[Message]
    response: Descriptor
    streams: bool
    # Whether its requests come as a stream, too.
    takes_stream: bool = False

    @property
    def changes(self) -> bool:
        """Whether it changes something in the cloud: its request then has a request_id."""
        return "request_id" in self.request.DESCRIPTOR.fields_by_name


def _rpc(noun: str, service: str, method: MethodDescriptor) -> Rpc:
    verb = next(
        (v for v in VERBS if re.fullmatch(rf"{v}{noun}s?", method.name)),
        "",
    )
    return Rpc(
        method.name,
        f"/{service}/{method.name}",
        noun,
        verb,
        message_factory.GetMessageClass(method.input_type),
        method.output_type,
        method.server_streaming,
        method.client_streaming,
    )


@cache
def rpcs() -> dict[str, Rpc]:
    """Every rpc by its path, "/oaktreemodel.v1.ServerService/GetServer"."""
    found = (
        _rpc(service.name.removesuffix("Service"), service.full_name, method)
        for file in files()
        for service in file.services_by_name.values()
        for method in service.methods_by_name.values()
    )
    return {rpc.path: rpc for rpc in found}
