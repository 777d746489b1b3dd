"""An oaktree that answers as a case tells it to, for what no cloud does at will."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
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


@dataclass
class Seen:
    """A call as it came in."""

    request: dict[str, Any]
    metadata: dict[str, Any]
    deadline: float | None
    over: threading.Event = field(default_factory=threading.Event)

    def told(self) -> dict[str, Any]:
        """For a case to look at. deadline: the seconds there were; absent where there was none."""
        left = {} if self.deadline is None else {"deadline": self.deadline}
        over = {"over": self.over.is_set()}
        return {"request": self.request, "metadata": self.metadata, **left, **over}


class Scripted(grpc.GenericRpcHandler):
    """A server on a free port of the loopback and on a socket. `seen` is by the rpc's name.

    `script` has, for each rpc, what its calls get in turn, the last one for ever. An answer is
    `message`, or `error`, or a `stream` of messages and errors; `hold` keeps the call open after
    it; `meet` lets so many calls wait for each other before any is answered.
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

    def _play(self, rpc: Rpc, request: Message, context: grpc.ServicerContext) -> Iterator[Message]:
        answer, over = self._take(rpc.name, request, context)
        if "meet" in answer:
            try:
                self._meetings[rpc.name].wait(BOUND)
            except threading.BrokenBarrierError:
                _fail(context, {"code": "ABORTED", "message": "the others did not come"})
        for one in answer.get("stream", [answer]):
            if "error" in one:
                _fail(context, one["error"])
            elif "message" in one or one is not answer:
                told = one["message"] if one is answer else one
                yield ParseDict(told, api.message(rpc.response.full_name)())
        if answer.get("hold"):
            over.wait(BOUND)
            if not rpc.proto.server_streaming:
                context.abort(grpc.StatusCode.CANCELLED, "nobody waits any more")

    def _take(
        self, name: str, request: Message, context: grpc.ServicerContext
    ) -> tuple[Any, threading.Event]:
        left = context.time_remaining()
        seen = Seen(
            MessageToDict(request, preserving_proto_field_name=True),
            dict(context.invocation_metadata()),
            # gRPC says the end of time where there is no deadline.
            left if left is not None and left < 1e9 else None,
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
