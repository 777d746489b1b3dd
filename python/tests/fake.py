"""A gRPC server that answers as a test tells it to, over the real stubs and a real channel."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from oaktreemodel import v1

# What a test plays: one of these is taken for each call, the last one for ever. A message is the
# answer, a list is a stream, a Status fails the call; a function makes any of them. Of an upload
# it gets an iterator of the messages.
Answer: TypeAlias = Message | Status | list[Any] | Callable[[Any, grpc.ServicerContext], Any]

BOUND = 20.0
# How many calls it answers at once.
STREAMS = 32


@dataclass
class Call:
    """What the server saw of a call."""

    request: Any
    metadata: dict[str, Any]
    time_remaining: float | None
    over: threading.Event = field(default_factory=threading.Event)
    # Of an upload, every message so far, the first one too.
    sent: list[Any] = field(default_factory=list)

    @property
    def token(self) -> str:
        """The token it carried; empty for none."""
        return str(self.metadata.get("authorization", "")).removeprefix("Bearer ")


class Oaktree:
    """A server on a free port of the loopback; `answers` and `calls` are by the rpc's name."""

    def __init__(
        self, credentials: grpc.ServerCredentials | None = None, listen: str = "localhost:0"
    ) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.calls: dict[str, list[Call]] = {}
        # Those that callers may show; None: nobody is asked who he is.
        self.tokens: set[str] | None = None
        self.server = grpc.server(futures.ThreadPoolExecutor(STREAMS))
        for found in pkgutil.iter_modules(v1.__path__, "oaktreemodel.v1."):
            if found.name.endswith("_pb2_grpc"):
                self._serve(importlib.import_module(found.name))
        if credentials is None:
            self.port = self.server.add_insecure_port(listen)
        else:
            self.port = self.server.add_secure_port(listen, credentials)
        self.server.start()

    def _serve(self, module: Any) -> None:
        for name in [one for one in vars(module) if one.endswith("ServiceServicer")]:
            getattr(module, f"add_{name}_to_server")(_servicer(module, name, self), self.server)

    @property
    def address(self) -> str:
        """Where it is."""
        return f"localhost:{self.port}"

    def answer(self, rpc: str, *answers: Answer) -> None:
        """Say what the calls of an rpc get, one after the other."""
        self.answers[rpc] = list(answers)

    def exchange(self, life: int = 3600, *before: Answer) -> None:
        """Give "token-1", "token-2" and so on for credentials, each good for so many seconds; first
        these answers."""
        tokens: set[str] = set()
        self.tokens = tokens

        def create(request: Message, context: grpc.ServicerContext) -> Message:
            tokens.add(made := f"token-{len(tokens) + 1}")
            secret = v1.Secret(value=made)
            return v1.CreateTokenResponse(access_token=secret, expires_in_seconds=life)

        self.answer("CreateToken", *before, create)

    def only_call(self, rpc: str) -> Call:
        """The one call of an rpc that there was."""
        (call,) = self.calls[rpc]
        return call

    def shown(self, rpc: str) -> list[str]:
        """The tokens that the calls of an rpc carried."""
        return [call.token for call in self.calls[rpc]]

    @property
    def exchanges(self) -> int:
        """How often a credential was to be exchanged."""
        return len(self.calls.get("CreateToken", ()))

    def stop(self) -> None:
        """End it, and every call."""
        self.server.stop(None).wait(BOUND)

    def handle(
        self,
        rpc: str,
        request: Message,
        context: grpc.ServicerContext,
        more: Iterator[Any] | None = None,
    ) -> Any:
        """Record a call and play the answer."""
        left = context.time_remaining()
        call = Call(
            request,
            dict(context.invocation_metadata()),
            # gRPC says the end of time where there is no deadline.
            left if left is not None and left < 1e9 else None,
        )
        context.add_callback(call.over.set)
        self.calls.setdefault(rpc, []).append(call)
        if self.tokens is not None and rpc != "CreateToken" and call.token not in self.tokens:
            fail(context, REFUSED)
        answers = self.answers[rpc]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(answer) and not isinstance(answer, Message):
            answer = answer(request if more is None else _recorded(call, more), context)
        if isinstance(answer, Status):
            fail(context, answer)
        return answer


def _servicer(module: Any, name: str, oaktree: Oaktree) -> Any:
    def method(rpc: str) -> Callable[..., Any]:
        def unary(self: Any, request: Message, context: grpc.ServicerContext) -> Any:
            return oaktree.handle(rpc, request, context)

        def stream(self: Any, request: Message, context: grpc.ServicerContext) -> Iterator[Any]:
            for one in oaktree.handle(rpc, request, context):
                if isinstance(one, Status):
                    fail(context, one)
                yield one

        def both(
            self: Any, requests: Iterator[Any], context: grpc.ServicerContext
        ) -> Iterator[Any]:
            for one in oaktree.handle(rpc, next(requests), context, requests):
                if isinstance(one, Status):
                    fail(context, one)
                yield one

        if rpc.startswith("Upload"):
            return both
        return stream if rpc.startswith(("List", "Wait", "Watch", "Download")) else unary

    base = getattr(module, name)
    rpcs = [one for one in vars(base) if one[0].isupper()]
    return type(name, (base,), {rpc: method(rpc) for rpc in rpcs})()


def _recorded(call: Call, more: Iterator[Any]) -> Iterator[Any]:
    for one in itertools.chain((call.request,), more):
        call.sent.append(one)
        yield one


def fail(context: grpc.ServicerContext, status: Status) -> None:
    """End a call as an oaktree does: with the status and its details in the trailers."""
    code = next(one for one in grpc.StatusCode if one.value[0] == status.code)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, status.message)


def endless(*told: Message) -> Callable[[Message, grpc.ServicerContext], Iterator[Message]]:
    """A stream of these, then of nothing until the call is over."""

    def stream(request: Message, context: grpc.ServicerContext) -> Iterator[Message]:
        over = threading.Event()
        context.add_callback(over.set)
        yield from told
        over.wait(BOUND)

    return stream


def servers(*names: str) -> v1.ListServersResponse:
    """A batch."""
    return v1.ListServersResponse(servers=[v1.Server(id=one, name=one) for one in names])


def status(
    code: grpc.StatusCode,
    reason: str = "",
    *details: Message,
    message: str = "it broke",
    **metadata: str,
) -> Status:
    """A status with the details an oaktree gives."""
    made = Status(code=code.value[0], message=message)
    info = ErrorInfo(reason=reason, domain="oaktree", metadata=metadata)
    for one in (*([info] if reason else []), *details):
        packed = AnyMessage()
        packed.Pack(one)
        made.details.append(packed)
    return made


REFUSED = status(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED", message="who are you")


def failure(cloud: str, made: Status) -> v1.Failure:
    """A place that failed."""
    return v1.Failure(location=v1.Location(cloud=cloud), status=made)
