"""How a call goes, as far as a driver has told."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import oaktreemodel.v1  # noqa: F401  (what errors hold is made known to protobuf)
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.json_format import MessageToDict

from .driver import Asked


class Failed(Exception):
    """A case that went otherwise than expected."""


@dataclass
class Outcome:
    """How a call went, as far as it is known."""

    items: list[Any] = field(default_factory=list)
    failures: list[Any] = field(default_factory=list)
    result: Any = None
    error: Any = None
    # What a language's own error says, such as one of a file that is not there.
    refused: str | None = None
    over: bool = False

    @property
    def why(self) -> str | None:
        """What it failed by, in words; None if it did not."""
        return str(self.error["message"]) if self.error else self.refused

    def take(self, line: dict[str, Any]) -> None:
        """Take a driver's line in. Failed if the driver could not make the call."""
        ((kind, value),) = line.items()
        if kind == "item":
            self.items.append(_read(value))
        elif kind == "failure":
            self.failures.append(_read(value))
        elif kind in ("result", "error", "refused"):
            setattr(self, kind, _read(value))
            self.over = True
        else:
            raise Failed(f"the driver broke: {value}")


def _read(value: Any) -> Any:
    """What a driver tells, with the details of errors as protobuf's JSON has them."""
    if isinstance(value, list):
        return [_read(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"type", "value"}:
        url = f"type.googleapis.com/{value['type']}"
        packed = AnyMessage(type_url=url, value=base64.b64decode(value["value"]))
        try:
            return MessageToDict(packed, preserving_proto_field_name=True)
        except TypeError:
            # A language's own.
            return {"@type": url}
    return {key: _read(one) for key, one in value.items()}


@dataclass
class Call:
    """A call under way, and how much of its items has been looked at."""

    asked: Asked
    outcome: Outcome = field(default_factory=Outcome)
    heard: int = 0
