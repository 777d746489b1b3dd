"""What fields must be like: numbers, presence, types and names."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from messages import DURATION, LOCATION, PACKAGE, TIMESTAMP, Field, Message, Violation, snake
from model import FIRST_OWN_NUMBER, File

HERE = Path(__file__).resolve().parent

REFERENCE = f"{PACKAGE}.Reference"
SECRET = f"{PACKAGE}.Secret"

# Number to name and type, of what is common to all messages of a kind.
Common = dict[int, tuple[str, str]]
RESOURCE: Common = {
    1: ("location", LOCATION),
    2: ("id", "string"),
    3: ("name", "string"),
    4: ("state", f"{PACKAGE}.State"),
    5: ("status", "string"),
    6: ("created_at", TIMESTAMP),
    7: ("updated_at", TIMESTAMP),
    8: ("description", "string"),
    9: ("tags", "repeated string"),
    10: ("parent", REFERENCE),
    11: ("revision", "int64"),
    12: ("properties", "map<string, string>"),
}
REQUEST: Common = {
    1: ("location", LOCATION),
    2: ("name_or_id", "string"),
    3: ("request_id", "string"),
    4: ("parent", "string"),
    5: ("max_age", DURATION),
    6: ("where", f"repeated {PACKAGE}.Filter"),
    7: ("limit", "int32"),
    8: ("after", "string"),
    9: ("all_projects", "bool"),
    10: ("revision", "int64"),
    11: ("content", f"{PACKAGE}.UploadContent"),
    12: ("chunk", "bytes"),
    13: ("finish", f"{PACKAGE}.UploadFinish"),
    14: ("part", f"{PACKAGE}.DownloadPart"),
    15: ("accepts_ticket", "bool"),
}
RESPONSE: Common = {
    2: ("failures", f"repeated {PACKAGE}.Failure"),
    3: ("as_of", TIMESTAMP),
    4: ("content", f"{PACKAGE}.DownloadContent"),
    5: ("chunk", "bytes"),
    6: ("ticket", f"{PACKAGE}.Ticket"),
    7: ("progress", f"{PACKAGE}.UploadProgress"),
    8: ("finish", f"{PACKAGE}.DownloadFinish"),
}

FOREIGN_TYPES = (TIMESTAMP, DURATION, "google.rpc.Status")
NUMBERS = ("int32", "int64", "uint32", "uint64", "double", "float")
UNITS = [
    "bytes",
    "kib",
    "mib",
    "gib",
    "tib",
    "bps",
    "kbps",
    "mbps",
    "iops",
    "percent",
    "seconds",
    "count",
]
MEASURES = [
    "size",
    "ram",
    "memory",
    "disk",
    "swap",
    "ephemeral",
    "capacity",
    "bandwidth",
    "rate",
    "burst",
    "mtu",
    "ttl",
    "delay",
    "interval",
    "age",
]
NOT_TIMES = ("time", "date", "timestamp")


def common_numbers(file: File) -> Iterator[Violation]:
    kinds = ((file.resources, RESOURCE), (file.requests, REQUEST), (file.responses, RESPONSE))
    for messages, common in kinds:
        numbers = {name: number for number, (name, _) in common.items()}
        for message in messages:
            for field in message.fields:
                yield from _common(message, field, common, numbers)


def _common(
    message: Message, field: Field, common: Common, numbers: dict[str, int]
) -> Iterator[Violation]:
    name = f"{message.name}.{field.name}"
    if field.name in numbers and field.number != numbers[field.name]:
        yield field.source, f"{name} must have number {numbers[field.name]}"
    elif field.number in common and field.name != common[field.number][0]:
        wanted = common[field.number][0]
        yield field.source, f"{name} has number {field.number}, which belongs to {wanted}"
    elif field.number in common and field.written != common[field.number][1]:
        wanted = common[field.number][1]
        yield field.source, f"{name} must be {wanted}, not {field.written}"


def own_numbers(file: File) -> Iterator[Violation]:
    kinds = ((file.resources, RESOURCE), (file.requests, REQUEST), (file.responses, {1, *RESPONSE}))
    known: set[Message] = set()
    for messages, common in kinds:
        known.update(messages)
        for message in messages:
            for field in message.fields:
                if field.number not in common and field.number < FIRST_OWN_NUMBER:
                    what = f"{message.name}.{field.name} = {field.number}"
                    yield field.source, f"{what}: own fields begin at {FIRST_OWN_NUMBER}"
    for message in file.messages:
        if message not in known and message.fields and message.field(1) is None:
            yield message.source, f"{message.name} is a part of others; its numbers begin at 1"


def presence(file: File) -> Iterator[Violation]:
    for message in file.resources:
        for field in message.fields:
            if field.number < FIRST_OWN_NUMBER or field.is_repeated:
                continue
            name = f"{message.name}.{field.name}"
            if field.scalar in (*NUMBERS, "bool") and not field.has_presence:
                yield field.source, f"{name} must be optional: a cloud may not tell"
            elif field.scalar in ("string", "bytes") and field.has_presence:
                yield field.source, f"{name} must not be optional: empty is absent"


def update_presence(file: File) -> Iterator[Violation]:
    for rpc in file.rpcs:
        if rpc.verb != "Update":
            continue
        for field in rpc.request.fields:
            name = f"{rpc.request.name}.{field.name}"
            if field.number >= FIRST_OWN_NUMBER and not field.has_presence:
                advice = "be optional"
                if field.map_entry:
                    advice = "be a MapUpdate"
                elif field.is_repeated:
                    advice = "be a StringList, or a message like it"
                yield field.source, f"{name} must {advice}: what is absent stays as it is"


def foreign_types(file: File) -> Iterator[Violation]:
    for message, field in file.fields:
        kind = field.type_name
        if kind and not kind.startswith(f"{PACKAGE}.") and kind not in FOREIGN_TYPES:
            yield field.source, f"{message.name}.{field.name}: {kind} is not used here"


def references(file: File) -> Iterator[Violation]:
    for message in file.requests:
        for field in message.fields:
            if field.type_name == REFERENCE:
                yield (
                    field.source,
                    f"{message.name}.{field.name} must be a string: a name or an id",
                )


def secrets(file: File) -> Iterator[Violation]:
    responses = file.responses
    for message, field in file.fields:
        if field.type_name == SECRET and message not in responses:
            yield field.source, f"{message.name}.{field.name}: only a response may hold a Secret"


def json_text(file: File) -> Iterator[Violation]:
    for message, field in file.fields:
        if field.name.split("_")[-1] == "json" and field.written != "string":
            yield field.source, f"{message.name}.{field.name} must be a string: JSON as text"


def times(file: File) -> Iterator[Violation]:
    for message, field in file.fields:
        name = f"{message.name}.{field.name}"
        last = field.name.split("_")[-1]
        if field.type_name == TIMESTAMP:
            if last != "at" and field.name != "as_of":
                yield field.source, f"{name} is a time and must end in _at"
        elif last == "at":
            yield field.source, f"{name} ends in _at and must be a {TIMESTAMP}"
        elif last in NOT_TIMES:
            yield field.source, f"{name} must be a {TIMESTAMP} that ends in _at, if it is a time"


def units(file: File) -> Iterator[Violation]:
    for message, field in file.fields:
        if field.scalar not in NUMBERS and field.type_name != f"{PACKAGE}.Limit":
            continue
        words = field.name.split("_")
        if words[-1] not in UNITS and any(word in MEASURES for word in words):
            yield (
                field.source,
                f"{message.name}.{field.name} must end in its unit: {', '.join(UNITS)}",
            )


@cache
def words_taken() -> frozenset[str]:
    lines = (HERE / "reserved_words.txt").read_text().splitlines()
    return frozenset(word for line in lines for word in line.partition("#")[0].split())


def reserved_words(file: File) -> Iterator[Violation]:
    words = [(one.source, one.name, f"{message.name}.{one.name}") for message, one in file.fields]
    for message in file.resources:
        words.append((message.source, snake(message.name), message.name))
    for service in file.services:
        words.append((service.source, service.collection, f"List{service.plural}"))
    for rpc in file.rpcs:
        if not rpc.is_standard:
            words.append((rpc.source, rpc.method, f"{rpc.name}, as a method {rpc.method}"))
    for source, word, name in words:
        if word in words_taken():
            yield source, f"{name}: {word} means something in some language or in a call"


def accessors(file: File) -> Iterator[Violation]:
    """Accessors of one field that would be called like another field's, or like the message."""
    made = ("has_{}", "set_{}", "get_{}", "clear_{}", "mutable_{}", "add_{}", "{}_size", "{}_count")
    for message in file.messages:
        for field in message.fields:
            if field.name == snake(message.name):
                text = f"{message.name}.{field.name} is called like its message"
                yield field.source, f"{text}, which C# cannot have"
            for pattern in made:
                other = message.field(pattern.format(field.name))
                if other is not None:
                    text = f"{message.name}.{other.name} is called like an accessor of {field.name}"
                    yield other.source, text


RULES = (
    common_numbers,
    own_numbers,
    presence,
    update_presence,
    foreign_types,
    references,
    secrets,
    json_text,
    times,
    units,
    reserved_words,
    accessors,
)
