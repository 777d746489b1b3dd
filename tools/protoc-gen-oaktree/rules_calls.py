"""What files, services and calls must be like."""

from __future__ import annotations

from collections.abc import Iterator

from messages import LOCATION, PACKAGE, TIMESTAMP, Field, Message, Violation, pascal, snake
from model import FIRST_OWN_NUMBER, PLURAL_VERBS, SENDING_VERBS, STREAMING_VERBS, File, Rpc, Service

OPTIONS = {
    "csharp_namespace": "Oaktree.V1",
    "go_package": "opendev.org/openstack/oaktree/go/oaktreemodel/v1;oaktreemodelv1",
    "java_multiple_files": True,
    "java_package": "org.openstack.oaktreemodel.v1",
    "ruby_package": "Oaktree::V1",
}

# Name, number and type of what every watch's response has beside the items.
WATCH_RESPONSE = (
    ("failures", 2, f"repeated {PACKAGE}.Failure"),
    ("as_of", 3, TIMESTAMP),
    ("location", 16, LOCATION),
    ("mark", 17, f"{PACKAGE}.WatchMark"),
    ("removals", 18, f"repeated {PACKAGE}.Removal"),
)
# What the bytes of an upload and of a download travel in: the numbers and types are those common
# to all requests and responses.
UPLOAD = (("content", "chunk", "finish"), ("progress",))
DOWNLOAD = (("part",), ("content", "chunk", "finish"))
# What says of which things a List or a Watch is.
SELECTIONS = ("where", "all_projects")


def file_options(file: File) -> Iterator[Violation]:
    given = {field.name: value for field, value in file.proto.options.ListFields()}
    for name, wanted in OPTIONS.items():
        if name not in given:
            yield file.source(), f"option {name} is missing; it must be {wanted!r}"
        elif given[name] != wanted:
            yield file.source(), f"option {name} is {given[name]!r}, not {wanted!r}"


def one_service(file: File) -> Iterator[Violation]:
    if file.proto.package != PACKAGE:
        yield file.source(2), f"package is {file.proto.package!r}, not {PACKAGE!r}"
    for service in file.services[1:]:
        yield service.source, f"{service.name} is a second service in one file"
    for service in file.services:
        wanted = pascal(file.stem) + "Service"
        if service.name != wanted:
            yield service.source, f"{service.name} must be called {wanted}, after its file"
        elif service.resource is None and _names_its_answers(service):
            # AuthService: what it gives has another name.
            continue
        elif service.resource is None or service.resource.file is not file:
            yield service.source, f"{service.name} has no message {service.noun} in its file"


def _names_its_answers(service: Service) -> bool:
    return bool(service.rpcs) and all(rpc.is_of_its_own for rpc in service.rpcs)


def message_names(file: File) -> Iterator[Violation]:
    for message in file.messages:
        if message.name == "Object" or message.name.endswith("Service"):
            yield message.source, f"message {message.name} would clash with generated classes"


def comments(file: File) -> Iterator[Violation]:
    things = [(one.source, one.name) for one in file.services]
    things += [(one.source, one.name) for one in file.rpcs]
    things += [(one.source, one.name) for one in file.messages]
    things += [(one.source, f"{message.name}.{one.name}") for message, one in file.fields]
    for source, name in things:
        if not source.comment:
            yield source, f"{name} has no comment, which would be its documentation"


def rpc_names(file: File) -> Iterator[Violation]:
    methods: dict[str, str] = {}
    for rpc in file.rpcs:
        noun = rpc.service.noun
        named = noun in rpc.name or rpc.service.plural in rpc.name
        if not rpc.is_standard and not rpc.is_of_its_own and not named:
            yield (
                rpc.source,
                f"{rpc.name} must be a standard verb and {noun}, or hold the word {noun}",
            )
        elif rpc.name.startswith(noun):
            yield rpc.source, f"{rpc.name} must begin with a verb"
        elif rpc.method in methods:
            yield rpc.source, f"{rpc.name} and {methods[rpc.method]} would both be {rpc.method}()"
        methods[rpc.method] = rpc.name


def requests_and_responses(file: File) -> Iterator[Violation]:
    for rpc in file.rpcs:
        for message, kind in ((rpc.request, "Request"), (rpc.response, "Response")):
            if message.full_name != f"{PACKAGE}.{rpc.name}{kind}":
                yield rpc.source, f"{rpc.name} must have a {rpc.name}{kind}, not {message.name}"
            elif message.file is not file:
                yield rpc.source, f"{message.name} must be in the file of its rpc"


def streams(file: File) -> Iterator[Violation]:
    verbs = ", ".join(STREAMING_VERBS)
    for rpc in file.rpcs:
        if rpc.proto.client_streaming != (rpc.verb in SENDING_VERBS):
            senders = ", ".join(SENDING_VERBS)
            yield rpc.source, f"{rpc.name}: {senders} takes a stream, and nothing else does"
        if rpc.proto.server_streaming != (rpc.verb in STREAMING_VERBS):
            yield rpc.source, f"{rpc.name}: {verbs} answer with a stream, and nothing else does"


def request_id(file: File) -> Iterator[Violation]:
    for rpc in file.rpcs:
        has_one = rpc.request.field("request_id") is not None
        if rpc.is_read and has_one:
            yield rpc.request.source, f"{rpc.name} changes nothing and must have no request_id"
        if not rpc.is_read and not has_one:
            yield rpc.request.source, f"{rpc.name} changes something and must have a request_id"


def location(file: File) -> Iterator[Violation]:
    for message in (*file.resources, *file.requests):
        first = message.field(1)
        if first is None or (first.name, first.written) != ("location", LOCATION):
            yield message.source, f"{message.name} must have `Location location = 1`"


def result(file: File) -> Iterator[Violation]:
    for rpc in file.rpcs:
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
    if (rpc.is_list or rpc.verb == "Watch") and pascal(answer.name) != rpc.service.plural:
        wanted = snake(rpc.service.plural)
        yield answer.source, f"{rpc.response.name}.{answer.name} must be called {wanted}"
    elif not answer.is_repeated and answer.name != snake(answer.message.name):
        wanted = snake(answer.message.name)
        yield answer.source, f"{rpc.response.name}.{answer.name} must be called {wanted}"
    if (rpc.verb in PLURAL_VERBS) != answer.is_repeated and rpc.is_read:
        verbs = " and ".join(PLURAL_VERBS)
        name = f"{rpc.response.name}.{answer.name}"
        yield answer.source, f"{name}: {verbs} give many, other reads one"


def watches(file: File) -> Iterator[Violation]:
    for rpc in file.rpcs:
        if rpc.verb != "Watch":
            continue
        service, listing = rpc.service, rpc.listing
        if listing is None or not rpc.is_standard:
            wanted = f"Watch{service.plural}"
            yield rpc.source, f"{rpc.name} must be {wanted}, of what List{service.plural} lists"
            continue
        for name, number, kind in (("id", 2, "string"), ("name", 3, "string")):
            yield from _holds(service.resource, name, number, kind)
        for name, number, kind in WATCH_RESPONSE:
            yield from _holds(rpc.response, name, number, kind)
        for name in SELECTIONS:
            listed, watched = listing.request.field(name), rpc.request.field(name)
            if (listed is None) != (watched is None):
                text = f"{rpc.request.name} must have {name} if {listing.request.name} has it"
                yield rpc.request.source, f"{text}, and only then"


def transfers(file: File) -> Iterator[Violation]:
    for rpc in file.rpcs:
        needed = {"Upload": UPLOAD, "Download": DOWNLOAD}.get(rpc.verb, ((), ()))
        for message, names in zip((rpc.request, rpc.response), needed, strict=True):
            for name in names:
                if message.field(name) is None:
                    yield message.source, f"{message.name} must have {name}, as every transfer has"
        if rpc.verb in ("Upload", "Download") and rpc.response.field(1) is None:
            yield rpc.response.source, f"{rpc.response.name} must hold what the bytes are of"


def _holds(message: Message | None, name: str, number: int, kind: str) -> Iterator[Violation]:
    found = message.field(name) if message else None
    if message and (found is None or (found.number, found.written) != (number, kind)):
        short = kind.replace(f"{PACKAGE}.", "")
        yield message.source, f"{message.name} must have `{short} {name} = {number}`"


RULES = (
    file_options,
    one_service,
    message_names,
    comments,
    rpc_names,
    requests_and_responses,
    streams,
    request_id,
    location,
    result,
    watches,
    transfers,
)
