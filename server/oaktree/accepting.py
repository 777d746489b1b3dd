"""gRPC's server, made to outlive calls whose method is no text, and to take nothing in for callers
that it does not know.

grpcio decodes the name of a method that it does not know in the loop through which all calls come;
a name that is not UTF-8 ends that loop, and with it the server, for everybody and whoever sent it.
Here each method has a loop of its own, under the name it was registered with, and what is left has
one in which names are not looked at: it is nothing that is served. And it receives a request before
it asks anybody whether to: whoever can connect could fill the memory with requests that never end.

This builds on what grpcio keeps for itself, since it lets nobody else between a call and that loop.
So it is only for versions that it was tried with; with another, the server is grpcio's own, and the
process ends when that does, to be started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import grpc
from google.protobuf.message import DecodeError
from grpc._cython import cygrpc
from grpc.aio import _server

from oaktree.errors import Refused, invalid
from oaktree.gate import Metadata
from oaktree.peers import UnderWay, name_of
from oaktree.service import refuse

LOG = logging.getLogger(__name__)
# The versions of grpcio that this was tried with begin so.
TRIED = "1.85."
# Whether somebody is known to make a call, of its method, metadata and peer; else anybody may.
# Raises Refused if its request is not to be received.
Admit = Callable[[str, Metadata, str], Awaitable[bool]]
# How many calls that anybody may make may be under way, of one peer and in all: a megabyte each.
OF_A_PEER, OF_ALL = 100, 1000


class _AioServer(cygrpc.AioServer):  # type: ignore[misc]
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._handlers: dict[str, Any] = {}
        self.admit: Admit | None = None
        self._anybodys = UnderWay(
            OF_A_PEER, "too many calls without a token are under way; wait", OF_ALL
        )
        self._calls: set[asyncio.Task[None]] = set()

    def add_registered_method_handlers(self, handlers: Mapping[str, Any]) -> None:
        super().add_registered_method_handlers(handlers)
        self._handlers.update(handlers)

    def resolve_handler(self, details: Any) -> Any:
        return self._handlers.get(details.method)

    def _make_request_call_future(self, method: bytes | None) -> asyncio.Task[None]:
        # grpcio waits for the next call of a method, and gets what does not end before the server.
        return asyncio.get_running_loop().create_task(self._take(method))

    async def _take(self, method: bytes | None) -> None:
        loop, name = asyncio.get_running_loop(), (method or b"").decode()
        while True:
            if method is None:
                state = await self._request_call()
            else:
                state = await self._request_registered_call(method)
            handling = self._handle(name, state, loop)
            call = loop.create_task(cygrpc._schedule_rpc_coro(handling, state, loop, name))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def _handle(self, name: str, state: Any, loop: asyncio.AbstractEventLoop) -> None:
        context = cygrpc._ServicerContext(state, None, None, loop)
        # Raised if the peer is gone, which grpcio would write out at length.
        with contextlib.suppress(cygrpc.ExecuteBatchError):
            problem = None
            try:
                # What is not served is answered without a look at its request.
                known = not name or await self._admit(name, context)
                with contextlib.nullcontext() if known else self._of_anybody(context):
                    await cygrpc._handle_rpc(name, self, (), state, loop, False)
            except DecodeError:
                # Of a service that is not ours, and so does not parse by itself.
                problem = invalid("request", "is not what the method takes")
            except Refused as refused:
                problem = refused
            if not context.done():
                # Else whoever ends a call without a request waits until he gives up.
                await refuse(context, problem or invalid("request", "is missing"))

    async def _admit(self, name: str, context: Any) -> bool:
        assert self.admit is not None
        return await self.admit(name, context.invocation_metadata(), context.peer())

    def _of_anybody(self, context: Any) -> AbstractContextManager[None]:
        return self._anybodys.one_more(name_of(context.peer()))


class _Server(_server.Server):
    """As grpc.aio.server makes it; but only what is registered is served."""

    def __init__(self, options: Sequence[tuple[str, Any]], admit: Admit) -> None:
        # All that grpcio's own does, but for the kind of what is inside.
        self._loop = asyncio.get_running_loop()
        self._server = _AioServer(self._loop, None, (), None, tuple(options), None)
        self._server.admit = admit


def server(options: Sequence[tuple[str, Any]], admit: Admit) -> grpc.aio.Server:
    """A server whose handlers ask for themselves who calls: `admit` is only asked before."""
    logging.getLogger("grpc._cython.cygrpc").addFilter(_may_be_told)
    if grpc.__version__.startswith(TRIED):
        made: Any = _Server(options, admit)
        return cast(grpc.aio.Server, made)
    LOG.warning(
        "oaktree has not been tried with grpcio %s: whoever can connect can end the process, by a "
        "call whose method is not UTF-8, and fill its memory; have it started again",
        grpc.__version__,
    )
    return grpc.aio.server(options=options)


def _may_be_told(record: logging.LogRecord) -> bool:
    # It quotes metadata that is not UTF-8, in which there may be a token.
    return not record.getMessage().startswith("Invalid encoding")
