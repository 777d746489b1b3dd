"""The API's rules, as far as a program can check them; RULES.rst says what each is for.

A rule is a function from a file to its violations. Its name is what a refusal names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from model import (
    DURATION,
    FIRST_OWN_NUMBER,
    STREAMING_VERBS,
    TIMESTAMP,
    Field,
    File,
    Message,
    Model,
    Rpc,
    Source,
    pascal,
    snake,
)

HERE = Path(__file__).resolve().parent
WHERE_TO_READ = "tools/protoc-gen-oaktree/RULES.rst"

PACKAGE = "oaktreemodel.v1"
OPTIONS = {
    "csharp_namespace": "Oaktree.V1",
    "go_package": "opendev.org/openstack/oaktree/go/oaktreemodel/v1;oaktreemodelv1",
    "java_multiple_files": True,
    "java_package": "org.openstack.oaktreemodel.v1",
    "ruby_package": "Oaktree::V1",
}

LOCATION = f"{PACKAGE}.Location"
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
}
RESPONSE: Common = {
    2: ("failures", f"repeated {PACKAGE}.Failure"),
    3: ("as_of", TIMESTAMP),
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

Violation = tuple[Source, str]
Rule = Callable[[File], Iterator[Violation]]
RULES: dict[str, Rule] = {}


def violations(model: Model) -> list[str]:
    """Every violation, as `file:line: what (rule, where to read it)`, in the order of the files."""
    found = sorted(
        (source.path, source.line, text, name)
        for file in model.files
        for name, check in RULES.items()
        for source, text in check(file)
    )
    return [
        f"{path}:{line}: {text} (rule {name} in {WHERE_TO_READ})"
        for path, line, text, name in found
    ]


def rule(check: Rule) -> Rule:
    RULES[check.__name__.strip("_").replace("_", "-")] = check
    return check


def _rpcs(file: File) -> Iterator[Rpc]:
    for service in file.services:
        yield from service.rpcs


def _requests(file: File) -> list[Message]:
    return [rpc.request for rpc in _rpcs(file)]


def _responses(file: File) -> list[Message]:
    return [rpc.response for rpc in _rpcs(file)]


def _resources(file: File) -> list[Message]:
    """What is named after the service, and what else its calls answer with."""
    found = [service.resource for service in file.services]
    for response in _responses(file):
        answer = response.field(1)
        found.append(answer.message if answer else None)
    return [one for one in dict.fromkeys(found) if one is not None and one.file is file]


def _fields(file: File) -> Iterator[tuple[Message, Field]]:
    for message in file.messages:
        for one in message.fields:
            yield message, one


@rule
def file_options(file: File) -> Iterator[Violation]:
    given = {field.name: value for field, value in file.proto.options.ListFields()}
    for name, wanted in OPTIONS.items():
        if name not in given:
            yield file.source(), f"option {name} is missing; it must be {wanted!r}"
        elif given[name] != wanted:
            yield file.source(), f"option {name} is {given[name]!r}, not {wanted!r}"


@rule
def one_service(file: File) -> Iterator[Violation]:
    if file.proto.package != PACKAGE:
        yield file.source(2), f"package is {file.proto.package!r}, not {PACKAGE!r}"
    for service in file.services[1:]:
        yield service.source, f"{service.name} is a second service in one file"
    for service in file.services:
        wanted = pascal(file.stem) + "Service"
        if service.name != wanted:
            yield service.source, f"{service.name} must be called {wanted}, after its file"
        elif service.resource is None or service.resource.file is not file:
            yield service.source, f"{service.name} has no message {service.noun} in its file"


@rule
def message_names(file: File) -> Iterator[Violation]:
    for message in file.messages:
        if message.name == "Object" or message.name.endswith("Service"):
            yield message.source, f"message {message.name} would clash with generated classes"


@rule
def comments(file: File) -> Iterator[Violation]:
    things = [(one.source, one.name) for one in file.services]
    things += [(one.source, one.name) for one in _rpcs(file)]
    things += [(one.source, one.name) for one in file.messages]
    things += [(one.source, f"{message.name}.{one.name}") for message, one in _fields(file)]
    for source, name in things:
        if not source.comment:
            yield source, f"{name} has no comment, which would be its documentation"


@rule
def rpc_names(file: File) -> Iterator[Violation]:
    methods: dict[str, str] = {}
    for rpc in _rpcs(file):
        noun = rpc.service.noun
        named = noun in rpc.name or rpc.service.plural in rpc.name
        if not rpc.is_standard and not rpc.is_of_its_own and not named:
            yield (
                rpc.source,
                f"{rpc.name} must be a standard verb and {noun}, or hold the word {noun}",
            )
        elif rpc.name == rpc.verb and not rpc.is_standard:
            yield rpc.source, f"{rpc.name} must begin with a verb"
        elif rpc.method in methods:
            yield rpc.source, f"{rpc.name} and {methods[rpc.method]} would both be {rpc.method}()"
        methods[rpc.method] = rpc.name


@rule
def requests_and_responses(file: File) -> Iterator[Violation]:
    for rpc in _rpcs(file):
        for message, kind in ((rpc.request, "Request"), (rpc.response, "Response")):
            if message.full_name != f"{PACKAGE}.{rpc.name}{kind}":
                yield rpc.source, f"{rpc.name} must have a {rpc.name}{kind}, not {message.name}"
            elif message.file is not file:
                yield rpc.source, f"{message.name} must be in the file of its rpc"


@rule
def streams(file: File) -> Iterator[Violation]:
    verbs = ", ".join(STREAMING_VERBS)
    for rpc in _rpcs(file):
        if rpc.proto.client_streaming:
            yield rpc.source, f"{rpc.name} takes a stream, which no rpc does yet"
        if rpc.proto.server_streaming != (rpc.verb in STREAMING_VERBS):
            yield rpc.source, f"{rpc.name}: {verbs} answer with a stream, and nothing else does"


@rule
def request_id(file: File) -> Iterator[Violation]:
    for rpc in _rpcs(file):
        has_one = rpc.request.field("request_id") is not None
        if rpc.is_read and has_one:
            yield rpc.request.source, f"{rpc.name} changes nothing and must have no request_id"
        if not rpc.is_read and not has_one:
            yield rpc.request.source, f"{rpc.name} changes something and must have a request_id"


@rule
def location(file: File) -> Iterator[Violation]:
    for message in (*_resources(file), *_requests(file)):
        first = message.field(1)
        if first is None or (first.name, first.written) != RESOURCE[1]:
            yield message.source, f"{message.name} must have `Location location = 1`"


@rule
def result(file: File) -> Iterator[Violation]:
    for rpc in _rpcs(file):
        answer = rpc.response.field(1)
        own = [one for one in rpc.response.fields if one.number >= FIRST_OWN_NUMBER]
        if answer is not None:
            yield from _named_result(rpc, answer)
        elif own and own[0].number != FIRST_OWN_NUMBER:
            yield own[0].source, f"the result of {rpc.name} must be field 1 or {FIRST_OWN_NUMBER}"
        elif not own and rpc.is_read:
            yield rpc.response.source, f"{rpc.response.name} holds no result"
        for field in own:
            if rpc.standard_verb == "Delete":
                yield field.source, f"{rpc.name} hands over nothing, so {field.name} has no reader"


def _named_result(rpc: Rpc, answer: Field) -> Iterator[Violation]:
    if answer.message is None or answer.map_entry:
        yield answer.source, f"field 1 of {rpc.response.name} must hold a resource"
        return
    if rpc.is_list and pascal(answer.name) != rpc.service.plural:
        wanted = snake(rpc.service.plural)
        yield answer.source, f"{rpc.response.name}.{answer.name} must be called {wanted}"
    elif not answer.is_repeated and answer.name != snake(answer.message.name):
        wanted = snake(answer.message.name)
        yield answer.source, f"{rpc.response.name}.{answer.name} must be called {wanted}"
    if (rpc.verb == "List") != answer.is_repeated and rpc.is_read:
        yield answer.source, f"{rpc.response.name}.{answer.name}: List gives many, other reads one"


@rule
def common_numbers(file: File) -> Iterator[Violation]:
    kinds = ((_resources, RESOURCE), (_requests, REQUEST), (_responses, RESPONSE))
    for messages, common in kinds:
        numbers = {name: number for number, (name, _) in common.items()}
        for message in messages(file):
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


@rule
def own_numbers(file: File) -> Iterator[Violation]:
    kinds = ((_resources, RESOURCE), (_requests, REQUEST), (_responses, {1: ("", ""), **RESPONSE}))
    known: set[Message] = set()
    for messages, common in kinds:
        for message in messages(file):
            known.add(message)
            for field in message.fields:
                if field.number not in common and field.number < FIRST_OWN_NUMBER:
                    what = f"{message.name}.{field.name} = {field.number}"
                    yield field.source, f"{what}: own fields begin at {FIRST_OWN_NUMBER}"
    for message in file.messages:
        if message not in known and message.fields and message.field(1) is None:
            yield message.source, f"{message.name} is a part of others; its numbers begin at 1"


@rule
def presence(file: File) -> Iterator[Violation]:
    for message in _resources(file):
        for field in message.fields:
            if field.number < FIRST_OWN_NUMBER or field.is_repeated:
                continue
            name = f"{message.name}.{field.name}"
            if field.scalar in (*NUMBERS, "bool") and not field.has_presence:
                yield field.source, f"{name} must be optional: a cloud may not tell"
            elif field.scalar in ("string", "bytes") and field.has_presence:
                yield field.source, f"{name} must not be optional: empty is absent"


@rule
def update_presence(file: File) -> Iterator[Violation]:
    for rpc in _rpcs(file):
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


@rule
def foreign_types(file: File) -> Iterator[Violation]:
    for message, field in _fields(file):
        kind = field.type_name
        if kind and not kind.startswith(f"{PACKAGE}.") and kind not in FOREIGN_TYPES:
            yield field.source, f"{message.name}.{field.name}: {kind} is not used here"


@rule
def references(file: File) -> Iterator[Violation]:
    for message in _requests(file):
        for field in message.fields:
            if field.type_name == REFERENCE:
                yield (
                    field.source,
                    f"{message.name}.{field.name} must be a string: a name or an id",
                )


@rule
def secrets(file: File) -> Iterator[Violation]:
    responses = _responses(file)
    for message, field in _fields(file):
        if field.type_name == SECRET and message not in responses:
            yield field.source, f"{message.name}.{field.name}: only a response may hold a Secret"


@rule
def json_text(file: File) -> Iterator[Violation]:
    for message, field in _fields(file):
        if field.name.split("_")[-1] == "json" and field.written != "string":
            yield field.source, f"{message.name}.{field.name} must be a string: JSON as text"


@rule
def times(file: File) -> Iterator[Violation]:
    for message, field in _fields(file):
        name = f"{message.name}.{field.name}"
        last = field.name.split("_")[-1]
        if field.type_name == TIMESTAMP:
            if last != "at" and field.name != "as_of":
                yield field.source, f"{name} is a time and must end in _at"
        elif last == "at":
            yield field.source, f"{name} ends in _at and must be a {TIMESTAMP}"
        elif last in NOT_TIMES:
            yield field.source, f"{name} must be a {TIMESTAMP} that ends in _at, if it is a time"


@rule
def units(file: File) -> Iterator[Violation]:
    for message, field in _fields(file):
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


@rule
def reserved_words(file: File) -> Iterator[Violation]:
    words = [(one.source, one.name, f"{message.name}.{one.name}") for message, one in _fields(file)]
    for message in _resources(file):
        words.append((message.source, snake(message.name), message.name))
    for service in file.services:
        words.append((service.source, service.collection, f"List{service.plural}"))
    for rpc in _rpcs(file):
        if not rpc.is_standard:
            words.append((rpc.source, rpc.method, f"{rpc.name}, as a method {rpc.method}"))
    for source, word, name in words:
        if word in words_taken():
            yield source, f"{name}: {word} means something in some language or in a call"


@rule
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
