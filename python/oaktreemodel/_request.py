"""Requests of one scope: what both clients send, and what they make of places that fail."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from oaktreemodel._failures import Failures, OnFailure
from oaktreemodel._values import fill
from oaktreemodel.v1.error_pb2 import Failure
from oaktreemodel.v1.location_pb2 import Location

Q = TypeVar("Q", bound=Message)


class WithFailures(Protocol):
    """A response that tells of places or changes that failed."""

    @property
    def failures(self) -> Iterable[Failure]: ...


class Requests:
    """Makes requests that go to one location."""

    def __init__(self, location: Location) -> None:
        self._location = location

    def _request(self, kind: type[Q], **values: object) -> Q:
        """A request with the scope's location.

        Raises TypeError or ValueError, naming the argument, for a value that does not fit.
        """
        request = kind()
        fill(request, values)
        if self._location.ByteSize():
            request.location.CopyFrom(self._location)  # type: ignore[attr-defined]
        return request


def identify(request: Message) -> tuple[tuple[str, str], ...]:
    """Give a change the request id that it lacks. The metadata to send it with: who gives an id
    himself may be repeating himself, and the server then looks for what was made before."""
    if "request_id" not in request.DESCRIPTOR.fields_by_name or request_id_of(request):
        return ()
    request.request_id = str(uuid.uuid4())  # type: ignore[attr-defined]
    return (("oaktree-request-id", "new"),)


def request_id_of(request: Message) -> str:
    """The id of the change that a request asks for; empty for a read."""
    return getattr(request, "request_id", "")


def stay_with(request: Message, resource: Message) -> None:
    """Ask for this very thing from now on: another may have taken its name meanwhile."""
    if identifier := getattr(resource, "id", ""):
        request.name_or_id = identifier  # type: ignore[attr-defined]


def report(
    failures: Iterable[Failure],
    results: Iterable[Message],
    on_failure: OnFailure | None,
    request: Message,
) -> None:
    """Tell of the failures of a call that answers at once.

    Raises PartialFailure, with the results in it, unless there is a callback to tell.
    """
    told = Failures(on_failure, request_id_of(request))
    told.add(failures)
    told.finish(results)
