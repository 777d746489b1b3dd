"""An oaktree that answers as a case tells it to, for what no cloud does at will."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from model import Rpc

from . import api

# How long a call is held that nobody ends, in seconds.
BOUND = 60.0
# gRPC's words and numbers for codes.
CODES = {code.name: code for code in grpc.StatusCode}
# Its import makes these details known to ParseDict.
DETAILS = error_details_pb2.DESCRIPTOR


class Sent:
    """What an upload has sent so far."""

    def __init__(self, requests: Iterator[Any]) -> None:
        self._requests = requests
        self._bytes = b""
        self._messages = 0
        self._finish: dict[str, Any] = {}

    def read(self, count: int | None = None) -> Any:
        """Takes so many messages in, or all there are. The last of them."""
        last = None
        # It ends so where the client breaks it off.
        with contextlib.suppress(grpc.RpcError):
            for last in islice(self._requests, count):
                self._messages += 1
                self._bytes += last.chunk
                if last.HasField("finish"):
                    self._finish = {"finish": MessageToDict(last.finish)}
        return last

    def told(self) -> dict[str, Any]:
        """For a case to look at; `finish` is absent until it is there."""
        held = {"size": len(self._bytes), "sha256": hashlib.sha256(self._bytes).hexdigest()}
        return {"messages": self._messages, **held, **self._finish}


@dataclass
class Seen:
    """A call as it came in."""

    request: dict[str, Any]
    metadata: dict[str, Any]
    deadline: float | None
    over: threading.Event = field(default_factory=threading.Event)
    # Of an upload, whose `request` is its first message but for bytes and their end.
    sent: Sent | None = None

    def told(self) -> dict[str, Any]:
        """For a case to look at. deadline: the seconds there were; absent where there was none."""
        left = {} if self.deadline is None else {"deadline": self.deadline}
        told = {"request": self.request, "metadata": self.metadata, "over": self.over.is_set()}
        sent = {"sent": self.sent.told()} if self.sent else {}
        return {**told, **left, **sent}


class Scripted(grpc.GenericRpcHandler):
    """A server on a free port of the loopback and on a socket. `seen` is by the rpc's name.

    `script` has, for each rpc, what its calls get in turn, the last one for ever. An answer is
    `message`, or `error`, or a `stream` of messages and errors; `hold` keeps the call open after
    it; `meet` lets so many calls wait for each other before any is answered. What is uploaded is
    read to its end before it is answered, unless the stream says by `read` how many messages come
    next, or `all`.
    """

    def __init__(self, socket: Path) -> None:
        self.seen: dict[str, list[Seen]] = {}
        self._script: dict[str, list[Any]] = {}
        self._meetings: dict[str, threading.Barrier] = {}
        self._lock = threading.Lock()
        self._server = grpc.server(futures.ThreadPoolExecutor(128))
        self._server.add_generic_rpc_handlers((self,))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self.socket = f"unix:{socket}"
        self._server.add_insecure_port(self.socket)
        self._server.start()

    def script(self, answers: dict[str, list[Any]]) -> None:
        """What happens from now on; what was seen is forgotten."""
        with self._lock:
            self.seen = {}
            self._script = {rpc: list(one) for rpc, one in answers.items()}
            self._meetings = {
                rpc: threading.Barrier(one[0]["meet"])
                for rpc, one in answers.items()
                if "meet" in one[0]
            }

    def told(self, rpc: str) -> list[dict[str, Any]]:
        """What was seen of an rpc so far."""
        return [one.told() for one in list(self.seen.get(rpc, ()))]

    def stop(self) -> None:
        """End it, and every call."""
        self._server.stop(None).wait(BOUND)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """How to answer a call; gRPC asks."""
        rpc = api.by_path().get(details.method)
        if rpc is None:
            return None
        kinds = {
            "request_deserializer": api.message(rpc.request.full_name).FromString,
            "response_serializer": lambda message: message.SerializeToString(),
        }
        if rpc.proto.client_streaming:
            return grpc.stream_stream_rpc_method_handler(self._uploading(rpc), **kinds)
        if rpc.proto.server_streaming:
            return grpc.unary_stream_rpc_method_handler(self._streaming(rpc), **kinds)
        return grpc.unary_unary_rpc_method_handler(self._unary(rpc), **kinds)

    def _unary(self, rpc: Rpc) -> Callable[..., Message]:
        def answer(request: Message, context: grpc.ServicerContext) -> Message:
            return next(self._play(rpc, request, context))

        return answer

    def _streaming(self, rpc: Rpc) -> Callable[..., Iterator[Message]]:
        def answer(request: Message, context: grpc.ServicerContext) -> Iterator[Message]:
            yield from self._play(rpc, request, context)

        return answer

    def _uploading(self, rpc: Rpc) -> Callable[..., Iterator[Message]]:
        def answer(requests: Iterator[Message], context: grpc.ServicerContext) -> Iterator[Message]:
            sent = Sent(requests)
            if (first := sent.read(1)) is not None:
                first.ClearField("chunk")
                first.ClearField("finish")
                yield from self._play(rpc, first, context, sent)

        return answer

    def _play(
        self, rpc: Rpc, request: Message, context: grpc.ServicerContext, sent: Sent | None = None
    ) -> Iterator[Message]:
        answer, over = self._take(rpc.name, request, context, sent)
        stream = answer.get("stream", [answer])
        if sent and not any("read" in one for one in stream):
            sent.read()
        if "meet" in answer:
            try:
                self._meetings[rpc.name].wait(BOUND)
            except threading.BrokenBarrierError:
                _fail(context, {"code": "ABORTED", "message": "the others did not come"})
        for one in stream:
            if "error" in one:
                _fail(context, one["error"])
            elif sent and "read" in one:
                sent.read(None if one["read"] == "all" else one["read"])
            elif "message" in one or one is not answer:
                told = one["message"] if one is answer else one
                yield ParseDict(told, api.message(rpc.response.full_name)())
        if answer.get("hold"):
            over.wait(BOUND)
            if not rpc.proto.server_streaming:
                context.abort(grpc.StatusCode.CANCELLED, "nobody waits any more")

    def _take(
        self, name: str, request: Message, context: grpc.ServicerContext, sent: Sent | None
    ) -> tuple[Any, threading.Event]:
        left = context.time_remaining()
        seen = Seen(
            MessageToDict(request, preserving_proto_field_name=True),
            dict(context.invocation_metadata()),
            # gRPC says the end of time where there is no deadline.
            left if left is not None and left < 1e9 else None,
            sent=sent,
        )
        context.add_callback(seen.over.set)
        with self._lock:
            self.seen.setdefault(name, []).append(seen)
            answers = self._script.get(name)
            if not answers:
                unscripted = {"code": "UNIMPLEMENTED", "message": f"no script for {name}"}
                return {"error": unscripted}, seen.over
            return answers.pop(0) if len(answers) > 1 else answers[0], seen.over


def _fail(context: grpc.ServicerContext, error: dict[str, Any]) -> None:
    """End a call as an oaktree does: with the status and its details in the trailers."""
    made = status(error)
    context.set_trailing_metadata((("grpc-status-details-bin", made.SerializeToString()),))
    context.abort(CODES[error["code"]], made.message)


def status(error: dict[str, Any]) -> Status:
    """A status with its details; `reason` and `metadata` are short for an ErrorInfo."""
    made = Status(code=CODES[error["code"]].value[0], message=error.get("message", "it broke"))
    details = list(error.get("details", ()))
    if "reason" in error:
        info = {"reason": error["reason"], "domain": "oaktree"}
        metadata = {"metadata": error.get("metadata", {})}
        details.insert(0, {"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info, **metadata})
    for one in details:
        made.details.append(ParseDict(one, AnyMessage()))
    return made
