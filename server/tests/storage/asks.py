"""Calls about object storage as any client makes them, and what they are refused with."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
import requests
from google.rpc import error_details_pb2, status_pb2
from oaktree import swift
from oaktree.models import message_class, rpcs
from oaktreemodel.v1.location_pb2 import Location

from ..conftest import Running

Code = grpc.StatusCode
# When no test is running any more, in seconds since the epoch.
LATER = int(time.time()) + 100_000
RPCS = {rpc.name: rpc for rpc in rpcs().values()}


class Store:
    """One place's object storage: called by the rpcs' names, and asked behind oaktree's back."""

    def __init__(self, running: Running, channel: grpc.Channel, location: Location) -> None:
        self.location = location
        self.place = running.caller.clouds.one(location)
        self.channel = channel

    def __call__(self, rpc_name: str, /, timeout: float = 60, **fields: Any) -> Any:
        """A response, or of what streams the list of all."""
        rpc = RPCS[rpc_name]
        request = rpc.request(location=self.location, **fields)
        make: Any = self.channel.unary_stream if rpc.streams else self.channel.unary_unary
        call = make(
            rpc.path,
            request_serializer=rpc.request.SerializeToString,
            response_deserializer=message_class(f"{rpc_name}Response").FromString,
        )
        answer = call(request, timeout=timeout)
        return list(answer) if rpc.streams else answer

    def listed(self, parent: str, **fields: Any) -> list[Any]:
        responses = self("ListStorageObjects", parent=parent, **fields)
        assert not [one for response in responses for one in response.failures]
        return [one for response in responses for one in response.storage_objects]

    def names(self, parent: str, **fields: Any) -> list[str]:
        return [one.name for one in self.listed(parent, **fields)]

    def get(self, parent: str, name: str) -> Any:
        return self("GetStorageObject", parent=parent, name_or_id=name).storage_object

    def swift(self, method: str, *path: str, **more: Any) -> requests.Response:
        """What the cloud itself answers."""
        return swift.ask(self.place, method, *path, **more)

    def fill(self, container: str, *names: str) -> None:
        """A container with objects that hold their names."""
        self.swift("PUT", container)
        for name in names:
            self.swift("PUT", container, name, body=name.encode())


def delete(store: Store, parent: str, name: str) -> None:
    store("DeleteStorageObject", parent=parent, name_or_id=name)


def copy(store: Store, parent: str, name: str, **fields: Any) -> Any:
    return store("CopyStorageObject", parent=parent, name_or_id=name, **fields).storage_object


def noted(store: Store, parent: str, name: str, **headers: str) -> None:
    """Stores an object with headers, underscores for hyphens."""
    given = {key.replace("_", "-"): value.encode() for key, value in headers.items()}
    store.swift("PUT", parent, name, body=b"12345", headers=given)


def large(store: Store, parent: str, name: str, count: int = 2) -> list[str]:
    """Stores an object in segments under oaktree's own names, which are given."""
    parts = [f".oaktree/segments/{uuid.uuid4()}/{number}" for number in range(count)]
    for part in parts:
        store.swift("PUT", parent, part, body=b"part of it")
    manifest = json.dumps([{"path": f"{parent}/{part}"} for part in parts]).encode()
    store.swift("PUT", parent, name, query={"multipart-manifest": "put"}, body=manifest)
    return parts


def everything(store: Store, parent: str) -> list[str]:
    return [swift.name_of(item) for page in swift.pages(store.place, parent) for item in page]


class Caught:
    code: Any = None
    message = ""
    reason = ""
    fields: tuple[str, ...] = ()


@contextmanager
def refused(code: grpc.StatusCode, reason: str = "", field: str = "") -> Iterator[Caught]:
    """The call within must fail so."""
    caught = Caught()
    with pytest.raises(grpc.RpcError) as error:
        yield caught
    call: Any = error.value
    trailers: dict[str, Any] = dict(call.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    caught.code, caught.message = call.code(), status.message
    for detail in status.details:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            caught.reason = info.reason
        if detail.Unpack(bad):
            caught.fields = tuple(one.field for one in bad.field_violations)
    assert caught.code == code, caught.message
    assert reason in ("", caught.reason), caught.message
    assert not field or field in caught.fields, (caught.fields, caught.message)
