"""What can be called, in the words that every language shares: `servers.create` is CreateServer."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import oaktreemodel.v1
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from model import Model, Rpc

WITH_SECRETS = "_with_secrets"
# What clients do by many calls.
DIRECTORIES = frozenset({"upload_directory", "download_directory"})


@cache
def _files() -> list[FileDescriptor]:
    modules = sorted(one.name for one in pkgutil.iter_modules(oaktreemodel.v1.__path__))
    names = [one for one in modules if one.endswith("_pb2")]
    return [importlib.import_module(f"oaktreemodel.v1.{one}").DESCRIPTOR for one in names]


@cache
def rpcs() -> dict[str, Rpc]:
    """Every rpc of the proto tree, by `collection.method`."""
    request = CodeGeneratorRequest()
    for file in _files():
        file.CopyToProto(request.proto_file.add())
        request.file_to_generate.append(file.name)
    model = Model(request)
    return {
        f"{service.collection}.{rpc.method}": rpc
        for service in model.services
        for rpc in service.rpcs
    }


def rpc(call: str) -> Rpc:
    """The rpc that a case's call is. KeyError for what there is not."""
    return rpcs()[call.removesuffix(WITH_SECRETS)]


@cache
def by_path() -> dict[str, Rpc]:
    """The same by what travels: `/oaktreemodel.v1.ServerService/CreateServer`."""
    return {f"/{one.service.full_name}/{one.name}": one for one in rpcs().values()}


@cache
def message(full_name: str) -> type[Message]:
    """The class of a message of the proto tree."""
    for file in _files():
        found = file.message_types_by_name.get(full_name.rpartition(".")[2])
        if found is not None and found.full_name == full_name:
            return GetMessageClass(found)
    raise KeyError(full_name)
