"""A gRPC handler for every rpc there is, made from the descriptors.

It parses requests itself, so that one that does not parse gets a status of ours, and turns every
exception into one: no text of a stray exception reaches a client.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_status import rpc_status
from oaktreemodel.v1.error_pb2 import Reason

from oaktree import http, models, validate
from oaktree.call import Call
from oaktree.errors import Refused, broken_off, invalid, reason_word
from oaktree.gate import Gate, Metadata, Pass
from oaktree.http import Reach
from oaktree.reader import Others
from oaktree.transfer import heard
from oaktree.translate import translate

LOG = logging.getLogger(__name__)
# In a call's metadata: that its request id was made for it alone, so that nobody can have sent it
# before. Who says nothing may be repeating himself.
REQUEST_ID, NEW = "oaktree-request-id", "new"
# How to come by a token.
WITHOUT_TOKEN = ("CreateToken",)
# How many requests for reads are kept, and of how many bytes at most.
KEPT, SMALL = 4096, 512
Unary = Callable[[Call], Awaitable[bytes]]
Stream = Callable[[Call], AsyncIterator[bytes]]


class Service:
    """`handlers` gives, for every rpc by its path, what serves it."""

    def __init__(self, handlers: Mapping[str, Any], gate: Gate) -> None:
        self._gate = gate
        # By service and by rpc, as gRPC takes them.
        self.methods: dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = {}
        for path, handler in handlers.items():
            _, service, name = path.split("/")
            method = self._method(models.rpcs()[path], handler)
            self.methods.setdefault(service, {})[name] = method

    def _method(self, rpc: models.Rpc, handler: Any) -> grpc.RpcMethodHandler[Any, Any]:
        if rpc.takes_stream:
            return grpc.stream_stream_rpc_method_handler(partial(self._stream, rpc, handler))
        if rpc.streams:
            return grpc.unary_stream_rpc_method_handler(partial(self._stream, rpc, handler))

        # gRPC looks at each call what kind of function this is, and at a partial for longest.
        async def unary(data: bytes, context: Any) -> bytes:
            return await self._unary(rpc, handler, data, context)

        return grpc.unary_unary_rpc_method_handler(unary)

    async def _admit(self, rpc: models.Rpc, context: Any, metadata: Metadata) -> Pass:
        """Whose call it is, before anything of it is read."""
        if rpc.name in WITHOUT_TOKEN:
            return self._gate.nobody
        known = self._gate.known(metadata)
        return known or await self._gate.admit(metadata, context.peer())

    def _call(
        self,
        rpc: models.Rpc,
        data: bytes,
        context: Any,
        admitted: Pass,
        metadata: Metadata,
        more: AsyncIterator[Any] | None = None,
    ) -> Call:
        changes = rpc.changes
        read = _read if changes or len(data) > SMALL else _seen
        request = read(rpc.path, data)
        left = context.time_remaining()
        reach = Reach(None if left is None else time.monotonic() + left)
        may_repeat = changes and not _is_new(metadata)
        return Call(
            rpc, request, reach, admitted.caller, self._gate, context.peer, may_repeat, more
        )

    async def _unary(self, rpc: models.Rpc, handler: Unary, data: bytes, context: Any) -> bytes:
        call = admitted = None
        Others.serving += 1
        Others.came = time.monotonic()
        try:
            metadata = context.invocation_metadata()
            admitted = await self._admit(rpc, context, metadata)
            admitted.enter()
            call = self._call(rpc, data, context, admitted, metadata)
            return await handler(call)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            await self._abort(context, rpc, call, admitted, error)
            raise AssertionError from error  # abort does not return
        finally:
            Others.serving -= 1
            if admitted is not None:
                admitted.leave()
            if call is not None:
                call.reach.cancel()

    async def _stream(
        self,
        rpc: models.Rpc,
        handler: Stream,
        sent: bytes | AsyncIterator[bytes],
        context: Any,
    ) -> AsyncIterator[bytes]:
        """`sent` is the request, or where the client streams, too, all of them."""
        call = admitted = None
        carries = rpc.verb in ("Upload", "Download")
        # Who waits needs no room made for him, and who sends bytes makes it himself.
        served = not carries and rpc.verb not in ("Wait", "Watch")
        Others.serving += served
        if served:
            Others.came = time.monotonic()
        try:
            metadata = context.invocation_metadata()
            admitted = await self._admit(rpc, context, metadata)
            admitted.enter()
            # The cloud lets a transfer end that began while its token was good, and so do we.
            with admitted.streaming(outlives=carries) as stream:
                # Only who has not too many open is waited for.
                data, more = (sent, None) if isinstance(sent, bytes) else await _begun(rpc, sent)
                call = self._call(rpc, data, context, admitted, metadata, more)
                async for response in handler(call):
                    stream.is_sending = True
                    yield response
                    stream.is_sending = False
                    if admitted.ended is not None and not carries:
                        raise replace(admitted.ended)
        except asyncio.CancelledError:
            if admitted is None or admitted.ended is None:
                raise
            # By the end of the pass, not by whoever called.
            await self._abort(context, rpc, call, None, admitted.ended)
        except GeneratorExit:
            raise
        except Exception as error:
            await self._abort(context, rpc, call, admitted, error)
        finally:
            Others.serving -= served
            if admitted is not None:
                admitted.leave()
            if call is not None:
                call.reach.cancel()

    async def _abort(
        self,
        context: Any,
        rpc: models.Rpc,
        call: Call | None,
        admitted: Pass | None,
        error: Exception,
    ) -> None:
        refused = translate(error)
        if admitted is not None and admitted.is_doubted:
            try:
                await self._gate.reconsider(admitted)
            except Refused as ended:
                refused = ended
        if refused.reason == Reason.REASON_UNAUTHENTICATED and http.has_begun():
            # Upon that, wrappers send the call again, since nothing was done.
            refused = broken_off()
        if call is not None:
            refused = refused.at(**call.where())
        # The message may quote a request or a cloud, and so what nobody else may read.
        words = dict.fromkeys((refused.code.name, reason_word(refused.reason)))
        LOG.info("%s: %s", rpc.name, " ".join(words))
        LOG.debug("%s: %s", rpc.name, refused.message)
        await refuse(context, refused)


async def refuse(context: Any, refused: Refused) -> None:
    """Ends a call with an error of ours; does not return."""
    await context.abort_with_status(rpc_status.to_status(refused.status()))


def _parse(kind: type[Any], data: bytes) -> Any:
    """A request of which all is known."""
    try:
        request = kind.FromString(data)
    except (DecodeError, UnicodeDecodeError):
        raise Refused(
            grpc.StatusCode.INVALID_ARGUMENT,
            Reason.REASON_INVALID_ARGUMENT,
            f"this is no {kind.DESCRIPTOR.name}",
        ) from None
    validate.refuse_unknown(request)
    return request


async def _begun(rpc: models.Rpc, sent: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[Any]]:
    """The first request of a client's stream, and what follows on it."""
    requests = aiter(sent)
    data = await heard(anext(requests, None))
    if data is None:
        raise invalid("request", "is missing")
    return data, _each(rpc, requests)


async def _each(rpc: models.Rpc, sent: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """What follows on a call's first request."""
    async for data in sent:
        yield _parse(rpc.request, data)


def _read(path: str, data: bytes) -> Any:
    """A request, once it has been found good."""
    request = _parse(models.rpcs()[path].request, data)
    validate.check(request)
    if "name_or_id" in request.DESCRIPTOR.fields_by_name:
        validate.need(request, "name_or_id")
    return request


# Reads are asked over and over, and to find one good takes longer than to answer it. Whoever has
# one shares it: nobody writes into a request.
_seen = lru_cache(KEPT)(_read)


def _is_new(metadata: Metadata) -> bool:
    told = dict(metadata)
    return told.get(REQUEST_ID) == NEW and "grpc-previous-rpc-attempts" not in told
