"""Between a driver's lines and the values that oaktreemodel takes and gives; for both clients."""

from __future__ import annotations

import base64
import json
import sys
import threading
from collections.abc import Callable
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from oaktreemodel import (
    Event,
    InvalidArgument,
    OaktreeError,
    PartialFailure,
    QuotaExceeded,
    RateLimited,
    v1,
)

Tell = Callable[..., None]
_lock = threading.Lock()


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


def method(client: Any, command: dict[str, Any]) -> Any:
    """What to call."""
    return getattr(getattr(scope(client, command), command["collection"]), command["method"])


def arguments(command: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """What to call it with."""
    request = ParseDict(command["request"], getattr(v1, f"{command['rpc']}Request")())
    values = {field.name: value for field, value in request.ListFields()}
    if "timeout" in command:
        values["timeout"] = command["timeout"]
    if command.get("failures"):
        values["on_failure"] = lambda error: tell(failure=shown(error))
    if command.get("states"):
        values["on_state"] = lambda state: tell(item=shown(state))
    return values


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
