"""Writes the Python faces: typed methods, each one call to the handwritten core.

The synchronous and the asyncio client come from the same text; `Face` holds all that differs.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import policy
from messages import DURATION, TIMESTAMP, Enum, Field, Message
from model import Model, Rpc, Service

FOLDER = "oaktreemodel/v1"
MODULE = "oaktreemodel.v1"
WIDTH = 100

SCALARS = {
    "string": "str",
    "bytes": "bytes",
    "bool": "bool",
    "double": "float",
    "float": "float",
}
# Messages that have a plain Python value; the names are aliases in oaktreemodel/_values.py.
PLAIN = {
    TIMESTAMP: "Time",
    DURATION: "Span",
    "oaktreemodel.v1.MapUpdate": "Changes",
    "oaktreemodel.v1.Secret": "str",
}

TIMEOUT_DOC = "Seconds the call may take; None for no end."
REQUEST_ID_DOC = "A UUID that names this change. Absent: one is made."
ON_FAILURE_DOC = (
    "Called with the error of each place that failed. Absent: PartialFailure is raised after the"
    " last item."
)
ON_STATE_DOC = "Called with each state that is seen."
PROGRESS_DOC = "Called with how far it is, now and then, and once more at the end."
SOURCE_DOC = (
    "A file's path, a binary file that is read from where it stands, bytes, or an iterable of"
    " bytes. What cannot be read from any place is first copied to a temporary file."
)
SIZE_DOC = "How many there must be. Absent: as many as there are."
TARGET_DOC = (
    "A path, under which the file appears once all of it is there and checked, or a binary file to"
    " write to."
)
# What a method does beyond its rpc.
BEYOND = {
    "Wait": (
        "Returns the last state, which is what was waited for. When the server is lost meanwhile,"
        " the wait goes on as soon as it is back."
    ),
    "Watch": (
        "Yields an `Event` for each thing that happens. When the server is lost, that is one of"
        ' kind "failed", and the watch goes on with a "reset" as soon as it is back.'
    ),
    "Upload": (
        "Raises OSError for a source that cannot be read, ValueError for one that is not what"
        " `size_bytes` and `sha256` promise, and Conflict if it changes meanwhile. When the server"
        " is lost, all is sent once more."
    ),
    "Download": (
        "Returns what the bytes are of. Raises OSError for a target that cannot be written. When"
        " the server is lost meanwhile, the download goes on where it was."
    ),
}
# What an Upload's or Download's own core sets, and what stands for the fields of a message.
HIDDEN = ("chunk", "finish", "accepts_ticket")
SPREAD = {
    "Upload": ("content", ("size_bytes", "sha256", "md5")),
    "Download": ("part", ("offset_bytes", "length_bytes", "if_etag")),
}


@dataclass(frozen=True)
class Face:
    """What differs between the two clients."""

    suffix: str
    core: str
    channel: str
    define: str
    wait: str
    items: str


SYNC = Face("sync", "_sync", "grpc.Channel", "def", "", "Generator[{}, None, None]")
AIO = Face(
    "aio",
    "_aio",
    "grpc.aio.Channel",
    "async def",
    "await ",
    "AsyncGenerator[{}, None]",
)


def emit(model: Model) -> dict[str, str]:
    """Path to content, for every file of the package that is not protobuf's or gRPC's own."""
    files = {
        "__init__.py": _package(model),
        "service_config.json": policy.service_config(model),
    }
    for face in (SYNC, AIO):
        files[f"scope_{face.suffix}.py"] = _scope(model, face)
        for service in model.services:
            files[f"{service.file.stem}_{face.suffix}.py"] = _module(service, face)
    return {f"{FOLDER}/{name}": content for name, content in files.items()}


def _package(model: Model) -> str:
    about = f"The messages and enums of the API.\n\n{_generated('every file')}"
    lines = [*_docstring(about, 0), ""]
    exported = []
    for file in model.files:
        top = f"{file.proto.package}."
        everything = {one.full_name for one in file.messages}
        everything |= {one.full_name for one in file.enums}
        names = [one.removeprefix(top) for one in sorted(everything)]
        names = [one for one in names if "." not in one]
        lines += _call_lines(f"from {MODULE}.{file.stem}_pb2 import ", names, 0)
        exported += names
    lines += ["", "__all__ = ["]
    lines += [f'    "{name}",' for name in sorted(exported)]
    return "\n".join([*lines, "]", ""])


def _scope(model: Model, face: Face) -> str:
    about = f"Every collection, as an attribute of a place.\n\n{_generated('every service')}"
    lines = [
        *_docstring(about, 0),
        "",
        "from __future__ import annotations",
        "",
        "from functools import cached_property",
        "",
        f"from oaktreemodel.{face.core} import Connection",
        f"from {MODULE}.location_pb2 import Location",
    ]
    for service in model.services:
        name = f"{service.file.stem}_{face.suffix}"
        lines.append(f"from {MODULE}.{name} import {service.plural}")
    lines += [
        "",
        "",
        "class Scope:",
        '    """The collections of one place, or of every place the caller can see."""',
        "",
        "    def __init__(self, connection: Connection, location: Location) -> None:",
        "        self._connection = connection",
        "        self._location = location",
        "",
        "    @property",
        "    def location(self) -> Location:",
        '        """Where its calls go, as a copy; empty is everywhere."""',
        "        location = Location()",
        "        location.CopyFrom(self._location)",
        "        return location",
    ]
    for service in model.services:
        lines += [
            "",
            "    @cached_property",
            f"    def {service.collection}(self) -> {service.plural}:",
            *_docstring(service.source.comment, 8),
            f"        return {service.plural}(self._connection, self._location)",
        ]
    return "\n".join([*lines, ""])


def _module(service: Service, face: Face) -> str:
    stub = f"{service.file.stem}_pb2_grpc.{service.name}Stub"
    body = [
        f"class {service.plural}(Collection):",
        *_docstring(service.source.comment, 4),
        "",
        "    def __init__(self, connection: Connection, location: Location) -> None:",
        "        super().__init__(connection, location)",
        f"        self._stub = {stub}(connection.channel)",
    ]
    for rpc in service.rpcs:
        body += ["", *_method(rpc, face, whole=False)]
        if rpc.secrets:
            body += ["", *_method(rpc, face, whole=True)]
        if rpc.verb == "Download":
            body += ["", *_chunks(rpc, face)]
    text = "\n".join(body)
    first_sentence = re.split(r"(?<=\.)\s", service.source.comment, maxsplit=1)[0]
    head = [
        *_docstring(f"{first_sentence}\n\n{_generated(service.file.path)}", 0),
        "",
        "from __future__ import annotations",
        "",
        *_imports(service, face, text),
        "",
        "",
    ]
    return "\n".join([*head, text, ""])


def _imports(service: Service, face: Face, text: str) -> Iterator[str]:
    def used(*names: str) -> str:
        return ", ".join(name for name in names if re.search(rf"\b{name}\[", text))

    if abc := used("AsyncGenerator", "Generator", "Iterable", "Mapping", "Sequence"):
        yield f"from collections.abc import {abc}"
    if "Any]" in text:
        yield "from typing import Any"
    yield ""
    yield f"from oaktreemodel.{face.core} import Collection, Connection"
    if ": OnFailure" in text:
        yield "from oaktreemodel._failures import OnFailure"
    if ": OnProgress" in text:
        yield "from oaktreemodel._progress import OnProgress"
    if " report(" in text:
        yield "from oaktreemodel._request import report"
    if ": Source" in text and face is SYNC:
        yield "from oaktreemodel._source import Source"
    if ": Target" in text:
        yield "from oaktreemodel._target import Target"
    if ": Source" in text and face is AIO:
        yield "from oaktreemodel._tasks import Source"
    aliases = ("Changes", "Conditions", "OnState", "Span", "Time")
    if values := [name for name in aliases if f": {name}" in text]:
        yield f"from oaktreemodel._values import {', '.join(values)}"
    if "[Event[" in text:
        yield "from oaktreemodel._watch import Event"
    stem = service.file.stem
    modules = {f"{one.stem}_pb2" for one in service.file.model.files}
    modules = {one for one in modules if re.search(rf"\b{one}\.", text)} | {
        f"{stem}_pb2",
        f"{stem}_pb2_grpc",
    }
    yield f"from {MODULE} import {', '.join(sorted(modules))}"
    yield f"from {MODULE}.location_pb2 import Location"


def _method(rpc: Rpc, face: Face, *, whole: bool) -> Iterator[str]:
    """The lines of one method; `whole` for the one that returns the response as it is."""
    define = "def" if rpc.verb in ("List", "Watch") else face.define
    name = f"{rpc.method}_with_secrets" if whole else rpc.method
    parameters, meanings = _parameters(rpc)
    returned = _returned(rpc, face, whole=whole)
    yield from _call_lines(f"    {define} {name}", parameters, 4, f" -> {returned}:")
    yield from _docstring(_describe(rpc, whole=whole), 8, [] if whole else meanings)
    yield from _request(rpc)
    yield from _body(rpc, face, whole=whole)


def _chunks(rpc: Rpc, face: Face) -> Iterator[str]:
    """The lines of the method that hands a download over piece by piece."""
    name = f"{rpc.method}_chunks"
    parameters, meanings = _parameters(rpc)
    gone = ("target", "progress")
    parameters = [one for one in parameters if one.partition(":")[0] not in gone]
    meanings = [one for one in meanings if one[0] not in gone]
    yield from _call_lines(f"    def {name}", parameters, 4, f" -> {face.items.format('bytes')}:")
    about = (
        f"As `{rpc.method}`, but yields the bytes as they come. They are not checked before the"
        " last: what raises then has handed over what must not be used."
    )
    yield from _docstring(about, 8, meanings)
    yield from _request(rpc)
    yield f"        return self._download_chunks(self._stub.{rpc.name}, request, timeout)"


def _request(rpc: Rpc) -> Iterator[str]:
    """The statement that makes the request."""
    whole, parts = SPREAD.get(rpc.verb, ("", ()))
    values = [f"{one.name}={one.name}" for one in _arguments(rpc)]
    if whole:
        pairs = ", ".join(f'"{name}": {name}' for name in parts)
        values.append(f"{whole}={{{pairs}}}")
    yield from _call_lines("        request = self._request", [_imported(rpc.request), *values], 8)


def _arguments(rpc: Rpc) -> list[Field]:
    """The fields of the request that a caller gives as they are."""
    whole, _ = SPREAD.get(rpc.verb, ("", ()))
    hidden = (whole, *HIDDEN) if whole else ()
    return [one for one in rpc.arguments if one.name not in hidden]


def _parameters(rpc: Rpc) -> tuple[list[str], list[tuple[str, str]]]:
    """How a method's parameters are written, and what each means."""
    given = {one.name: one for one in _arguments(rpc)}
    first = given.pop("name_or_id", None)
    request_id = given.pop("request_id", None)
    whole, parts = SPREAD.get(rpc.verb, ("", ()))
    if whole and (message := rpc.request.field(whole)) and message.message:
        inner = {one.name: one for one in message.message.fields}
        given |= {name: inner[name] for name in parts}
    comments = {name: one.source.comment for name, one in given.items()}
    if rpc.verb == "Upload":
        comments["size_bytes"] = SIZE_DOC
    parameters = ["self", *(["name_or_id: str"] if first else [])]
    meanings = [("name_or_id", first.source.comment)] if first else []
    if bytes_ := {
        "Upload": ("source", "Source", SOURCE_DOC),
        "Download": ("target", "Target", TARGET_DOC),
    }.get(rpc.verb):
        parameters.append(f"{bytes_[0]}: {bytes_[1]}")
        meanings.append((bytes_[0], bytes_[2]))
    parameters.append("*")
    meanings += comments.items()
    optional = [(one.name, _accepted(one)) for one in given.values()]
    if request_id:
        optional.append(("request_id", "str"))
        meanings.append(("request_id", REQUEST_ID_DOC))
    if rpc.response.field("failures") and rpc.verb != "Watch":
        optional.append(("on_failure", "OnFailure"))
        meanings.append(("on_failure", ON_FAILURE_DOC))
    if rpc.verb == "Wait" and rpc.result:
        optional.append(("on_state", f"OnState[{_type(rpc.result)}]"))
        meanings.append(("on_state", ON_STATE_DOC))
    if whole:
        optional.append(("progress", "OnProgress"))
        meanings.append(("progress", PROGRESS_DOC))
    parameters += [f"{name}: {kind} | None = None" for name, kind in optional]
    parameters.append(f"timeout: float | None = {policy.deadline(rpc)}")
    meanings.append(("timeout", TIMEOUT_DOC))
    return parameters, meanings


def _body(rpc: Rpc, face: Face, *, whole: bool) -> Iterator[str]:
    """The call to the core, and what is handed over of its answer."""
    result = None if whole else rpc.result
    stub = f"self._stub.{rpc.name}"
    unary = f"{face.wait}self._unary({stub}, request, timeout)"
    take = f"lambda response: response.{result.name}" if result else ""
    if rpc.verb == "List":
        parts = [stub, "request", take, "on_failure", "timeout"]
        yield from _call_lines("        return self._list_items", parts, 8)
    elif rpc.verb == "Wait":
        parts = [stub, "request", take, "on_state", "timeout"]
        yield from _call_lines(f"        return {face.wait}self._wait_for_state", parts, 8)
    elif rpc.verb == "Watch":
        parts = [stub, "request", take, "timeout"]
        yield from _call_lines("        return self._watch_events", parts, 8)
    elif rpc.verb == "Upload":
        parts = [stub, "request", "source", take, "progress", "timeout"]
        yield from _call_lines(f"        return {face.wait}self._upload", parts, 8)
    elif rpc.verb == "Download":
        parts = [stub, "request", "target", take, "progress", "timeout"]
        yield from _call_lines(f"        return {face.wait}self._download", parts, 8)
    elif whole:
        yield f"        return {unary}"
    elif result is None:
        yield f"        {unary}"
    else:
        yield f"        response = {unary}"
        value = f"response.{result.name}"
        if rpc.response.field("failures"):
            yield f"        report(response.failures, {value}, on_failure, request)"
        yield f"        return list({value})" if result.is_repeated else f"        return {value}"


def _describe(rpc: Rpc, *, whole: bool) -> str:
    names = ", ".join(one.name for one in rpc.secrets)
    if whole:
        return f"As `{rpc.method}`, but returns the response with what is shown only once: {names}."
    text = rpc.source.comment
    if rpc.secrets:
        text += f"\n\n`{rpc.method}_with_secrets` also returns what is shown only once: {names}."
    if beyond := BEYOND.get(rpc.verb):
        text += f"\n\n{beyond}"
    return text


def _returned(rpc: Rpc, face: Face, *, whole: bool) -> str:
    if whole:
        return _imported(rpc.response)
    if rpc.result is None:
        return "None"
    kind = _type(rpc.result)
    if rpc.verb == "Watch":
        return face.items.format(f"Event[{kind}]")
    if rpc.verb == "List":
        return face.items.format(kind)
    return f"Sequence[{kind}]" if rpc.result.is_repeated else kind


def _accepted(field: Field) -> str:
    """The annotation of an argument: what `_values.py` makes the field from."""
    if field.map_entry:
        key, value = field.map_entry.fields
        return f"Mapping[{_type(key)}, {_one_accepted(value)}]"
    if field.is_repeated:
        if field.name == "where":
            return "Conditions"
        return f"Iterable[{_one_accepted(field)}]"
    return _one_accepted(field)


def _one_accepted(field: Field) -> str:
    kind = _type(field)
    if field.enum:
        return f"{kind} | str"
    message = field.message
    if message is None:
        return kind
    if message.full_name in PLAIN:
        return PLAIN[message.full_name]
    if [one.name for one in message.fields] == ["values"]:
        return _accepted(message.fields[0])
    return f"{kind} | Mapping[str, Any]"


def _type(field: Field) -> str:
    """The type of the field's value, or of one of its values."""
    if field.enum:
        return f"{_imported(field.enum)}.ValueType"
    if field.message:
        return _imported(field.message)
    return SCALARS.get(field.scalar, "int")


def _imported(kind: Message | Enum) -> str:
    """How a module that has imported the other's module names it: `server_pb2.Server`."""
    return f"{kind.file.stem}_pb2.{kind.full_name.removeprefix(f'{MODULE}.')}"


def _generated(source: str) -> str:
    return f"Generated by protoc-gen-oaktree from {source}; changes are lost."


def _docstring(
    comment: str, indent: int, arguments: Sequence[tuple[str, str]] = ()
) -> Iterator[str]:
    margin = " " * indent
    text = comment.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    lines = _fold(f'"""{text}', margin, margin)
    if arguments:
        lines += ["", f"{margin}Args:"]
    for name, meaning in arguments:
        lines += _fold(f"{name}: {meaning}", margin + " " * 4, margin + " " * 8)
    if len(lines) == 1 and len(lines[0]) + 3 <= WIDTH and not lines[0].endswith('"'):
        yield f'{lines[0]}"""'
    else:
        yield from [*lines, f'{margin}"""']


def _fold(text: str, first: str, others: str) -> list[str]:
    """The lines of a text, paragraph by paragraph."""
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        folded = textwrap.wrap(
            " ".join(paragraph.split()),
            WIDTH,
            initial_indent=others if lines else first,
            subsequent_indent=others,
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += ["", *folded] if lines else folded
    return lines


def _call_lines(before: str, parts: list[str], indent: int, after: str = "") -> Iterator[str]:
    """A call or an import on one line, or one part a line where that is too long."""
    opening, closing = ("", "") if before.endswith("import ") else ("(", ")")
    line = f"{before}{opening}{', '.join(parts)}{closing}{after}"
    if len(line) <= WIDTH:
        yield line
        return
    yield f"{before}("
    yield from (f"{' ' * (indent + 4)}{part}," for part in parts)
    yield f"{' ' * indent}){after}"
