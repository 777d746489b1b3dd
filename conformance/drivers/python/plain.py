"""Between a driver's lines and the values that oaktreemodel takes and gives; for both clients."""

from __future__ import annotations

import base64
import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from oaktreemodel import (
    DirectoryResult,
    Event,
    InvalidArgument,
    OaktreeError,
    PartialFailure,
    Progress,
    QuotaExceeded,
    RateLimited,
    v1,
)

Tell = Callable[..., None]
_lock = threading.Lock()


class Left(Exception):
    """A transfer that was left in the middle."""


def teller(number: int) -> Tell:
    """What says a line about a command: tell(item=...)."""

    def tell(**told: Any) -> None:
        line = json.dumps({"id": number, **told})
        with _lock:
            print(line, flush=True, file=sys.stdout)

    return tell


def scope(client: Any, command: dict[str, Any]) -> Any:
    """Where a call goes."""
    if "cloud" in command:
        return client.cloud(command["cloud"])
    return client.at(command["at"]) if "at" in command else client


def method(package: Any, client: Any, command: dict[str, Any]) -> Any:
    """What to call; package: whose client it is."""
    if "collection" not in command:
        return partial(getattr(package, command["method"]), scope(client, command))
    return getattr(getattr(scope(client, command), command["collection"]), command["method"])


def source(given: Any) -> Any:
    """What to upload: a path, or bytes that can be read only once."""
    return given if isinstance(given, str) else _pieces(given["reader"])


def _pieces(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        yield from iter(partial(file.read, 10_000), b"")


def _target(given: Any) -> Any:
    # Unbuffered: nobody closes it.
    return given if isinstance(given, str) else open(given["writer"], "wb", buffering=0)


def arguments(command: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """What to call it with."""
    values = dict(command["request"])
    if "rpc" in command:
        request = ParseDict(values, getattr(v1, f"{command['rpc']}Request")())
        values = {field.name: value for field, value in request.ListFields()}
    if "source" in command or "target" in command:
        # What is known of the bytes stands among the arguments.
        for name in values.keys() & {"content", "part"}:
            values |= {field.name: value for field, value in values.pop(name).ListFields()}
    if "source" in command:
        values["source"] = source(command["source"])
    if "target" in command:
        values["target"] = _target(command["target"])
    if "timeout" in command:
        values["timeout"] = command["timeout"]
    if command.get("failures"):
        values["on_failure"] = lambda error: tell(failure=shown(error))
    if command.get("states"):
        values["on_state"] = lambda state: tell(item=shown(state))
    if command.get("progress"):
        values["progress"] = _progress(command.get("take"), tell)
    return values


def _progress(enough: int | None, tell: Tell) -> Callable[[Progress], None]:
    def on_progress(progress: Progress) -> None:
        item = {name: one for name, one in asdict(progress).items() if one is not None}
        tell(item=item)
        if enough is not None and progress.sent_bytes >= enough:
            raise Left

    return on_progress


def shown(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Message):
        return MessageToDict(value, preserving_proto_field_name=True)
    if isinstance(value, OaktreeError):
        return _error(value)
    if isinstance(value, Event):
        return _event(value)
    if isinstance(value, list):
        return [shown(one) for one in value]
    if isinstance(value, DirectoryResult):
        failed = sorted(one.path for one in value.failed)
        return {**vars(value), "failed": failed, "left_out": sorted(value.left_out)}
    return value


def _event(event: Event[Any]) -> dict[str, Any]:
    told = {name: getattr(event, name) for name in ("kind", "id", "name", "deleted")}
    for name in ("location", "item", "failure"):
        if (value := getattr(event, name)) is not None:
            told[name] = shown(value)
    return told | {"has_as_of": event.as_of is not None}


def _error(error: OaktreeError) -> dict[str, Any]:
    kinds = [one.__name__ for one in type(error).__mro__ if issubclass(one, OaktreeError)]
    told: dict[str, Any] = {"kinds": sorted(set(kinds) - {"OaktreeError"})}
    if isinstance(error, PartialFailure):
        return told | {
            "failures": [_error(one) for one in error.failures],
            "results": [shown(one) for one in error.results],
        }
    for name in ("message", "reason", "cloud", "region", "request_id"):
        told[name] = getattr(error, name)
    told |= {"code": error.code.name, "metadata": dict(error.metadata)}
    told["details"] = [_packed(one) for one in error.details]
    if isinstance(error, InvalidArgument):
        told["fields"] = error.fields
    if isinstance(error, QuotaExceeded):
        quota = v1.QuotaExceeded(
            quota=error.quota, used=error.used, max=error.max, requested=error.requested
        )
        told["quota"] = shown(quota)
    if isinstance(error, RateLimited) and error.retry_after is not None:
        told["retry_after"] = error.retry_after.total_seconds()
    return told


def _packed(detail: Message) -> dict[str, str]:
    value = base64.b64encode(detail.SerializeToString()).decode()
    return {"type": detail.DESCRIPTOR.full_name, "value": value}
