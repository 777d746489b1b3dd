"""The core of the synchronous client: what every generated method calls."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import grpc
from google.protobuf.message import Message

from oaktreemodel._address import Endpoint
from oaktreemodel._failures import Failures, OnFailure, from_call
from oaktreemodel._request import Requests, WithFailures, request_id_of
from oaktreemodel._values import OnState
from oaktreemodel.errors import Internal

if TYPE_CHECKING:
    from oaktreemodel.v1.location_pb2 import Location

T = TypeVar("T", bound=Message)
Q = TypeVar("Q", bound=Message)
A = TypeVar("A")
F = TypeVar("F", bound=WithFailures)


@dataclass(frozen=True)
class Connection:
    """A channel, and where it leads."""

    channel: grpc.Channel
    endpoint: Endpoint


class Collection(Requests):
    """One resource's calls in one scope. Not started before the first item is asked for: lists."""

    def __init__(self, connection: Connection, location: Location) -> None:
        super().__init__(location)
        self._endpoint = connection.endpoint

    def _unary(
        self, method: grpc.UnaryUnaryMultiCallable[Q, A], request: Q, timeout: float | None
    ) -> A:
        try:
            return method(request, timeout=timeout)
        except grpc.RpcError as error:
            raise from_call(error, self._endpoint, request_id_of(request)) from error

    def _stream(
        self, method: grpc.UnaryStreamMultiCallable[Q, A], request: Q, timeout: float | None
    ) -> Generator[A, None, None]:
        call = method(request, timeout=timeout)
        try:
            yield from call
        except grpc.RpcError as error:
            raise from_call(error, self._endpoint, request_id_of(request)) from error
        finally:
            # Also when the caller leaves its loop: Python closes this generator then.
            call.cancel()

    def _list(
        self,
        method: grpc.UnaryStreamMultiCallable[Q, F],
        request: Q,
        items: Callable[[F], Iterable[T]],
        on_failure: OnFailure | None,
        timeout: float | None,
    ) -> Generator[T, None, None]:
        failures = Failures(on_failure)
        for response in self._stream(method, request, timeout):
            failures.add(response.failures)
            yield from items(response)
        failures.finish()

    def _wait(
        self,
        method: grpc.UnaryStreamMultiCallable[Q, A],
        request: Q,
        state: Callable[[A], T],
        on_state: OnState[T] | None,
        timeout: float | None,
    ) -> T:
        last = None
        for response in self._stream(method, request, timeout):
            last = state(response)
            if on_state is not None:
                on_state(last)
        if last is None:
            raise Internal("the server ended the wait without telling a state")
        return last
