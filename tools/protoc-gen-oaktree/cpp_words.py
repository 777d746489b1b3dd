"""What the API's things are called in C++: types, parameters, comments."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from messages import Field, Message
from model import Rpc

WIDTH = 100

SCALARS = {"string": "std::string", "bytes": "std::string"}
SCALARS |= {one: f"{one}_t" for one in ("int32", "int64", "uint32", "uint64")}

REQUEST = "request"
# These move bytes: from where, or where to.
ENDS = {"Upload": ("Source", "source"), "Download": ("Target", "target")}


def returned(rpc: Rpc, *, stream: bool = False) -> str:
    """What its method returns; with `stream`, one that tells everything on the way."""
    if rpc.result is None:
        return "absl::Status"
    if rpc.verb == "Watch":
        return f"Stream<Event<{_one(rpc.result)}>>"
    if rpc.verb == "List" or stream:
        return f"Stream<{_one(rpc.result)}>"
    return f"absl::StatusOr<{type_of(rpc.result)}>"


def parameters(rpc: Rpc) -> dict[str, str]:
    """Name to type, in the order in which bytes go, and without the options."""
    request = {REQUEST: message(rpc.request)}
    if rpc.verb not in ENDS:
        return request
    kind, name = ENDS[rpc.verb]
    return {name: kind, **request} if rpc.verb == "Upload" else {**request, name: kind}


def options(rpc: Rpc) -> str:
    """The type of the options."""
    return "TransferOptions" if rpc.verb in ENDS else "CallOptions"


def whole(rpc: Rpc) -> str:
    """What a method returns that hands over the response as it is."""
    return f"absl::StatusOr<{message(rpc.response)}>"


def value(result: Field) -> str:
    """How the result is moved out of the response."""
    if result.is_repeated:
        return f"{type_of(result)}(result.begin(), result.end())"
    if result.message or result.scalar in ("string", "bytes"):
        return f"std::move(*response.mutable_{result.name}())"
    return f"response.{result.name}()"


def type_of(field: Field) -> str:
    """The type of a field's value."""
    return f"std::vector<{_one(field)}>" if field.is_repeated else _one(field)


def message(message: Message) -> str:
    """A message, as it is called where ours are."""
    return f"v1::{_nested(message.full_name)}"


def comment(text: str, margin: str = "") -> Iterator[str]:
    """Its lines."""
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield f"{margin}//"
        # A backslash at the end of a line would have the comment go on.
        folded = textwrap.wrap(
            " ".join(paragraph.split()).replace("\\ ", "\\\N{NO-BREAK SPACE}"),
            WIDTH - len(margin) - len("// "),
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from (f"{margin}// {line}" for line in folded)


def _one(field: Field) -> str:
    if field.message:
        return message(field.message)
    if field.enum:
        return f"v1::{_nested(field.enum.full_name)}"
    return SCALARS.get(field.scalar, field.scalar)


def _nested(full_name: str) -> str:
    """What protoc calls a message or an enum: `Widget_Kind` for one inside another."""
    return full_name.removeprefix("oaktreemodel.v1.").replace(".", "_")
