"""The core of the asyncio client: what every generated method calls."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable
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

    channel: grpc.aio.Channel
    endpoint: Endpoint


class Collection(Requests):
    """One resource's calls in one scope. Not started before the first item is asked for: lists."""

    def __init__(self, connection: Connection, location: Location) -> None:
        super().__init__(location)
        self._endpoint = connection.endpoint

    async def _unary(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Q, A], request: Q, timeout: float | None
    ) -> A:
        try:
            return await method(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            raise from_call(error, self._endpoint, request_id_of(request)) from error

    async def _stream(
        self, method: grpc.aio.UnaryStreamMultiCallable[Q, A], request: Q, timeout: float | None
    ) -> AsyncGenerator[A, None]:
        call = method(request, timeout=timeout)
        try:
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as error:
            raise from_call(error, self._endpoint, request_id_of(request)) from error
        finally:
            # Also when the caller leaves its loop: the event loop closes this generator then.
            call.cancel()

    async def _list(
        self,
        method: grpc.aio.UnaryStreamMultiCallable[Q, F],
        request: Q,
        items: Callable[[F], Iterable[T]],
        on_failure: OnFailure | None,
        timeout: float | None,
    ) -> AsyncGenerator[T, None]:
        failures = Failures(on_failure)
        async with contextlib.aclosing(self._stream(method, request, timeout)) as responses:
            async for response in responses:
                failures.add(response.failures)
                for item in items(response):
                    yield item
        failures.finish()

    async def _wait(
        self,
        method: grpc.aio.UnaryStreamMultiCallable[Q, A],
        request: Q,
        state: Callable[[A], T],
        on_state: OnState[T] | None,
        timeout: float | None,
    ) -> T:
        last = None
        async with contextlib.aclosing(self._stream(method, request, timeout)) as responses:
            async for response in responses:
                last = state(response)
                if on_state is not None:
                    on_state(last)
        if last is None:
            raise Internal("the server ended the wait without telling a state")
        return last
