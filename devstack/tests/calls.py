"""Which rpcs the tests called, and how each call ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import grpc


class Calls(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Counts by path, such as "/oaktreemodel.v1.ServerService/GetServer", the calls that ended
    well. A watch has no end, and ends well when its caller leaves."""

    def __init__(self) -> None:
        self.ended_well: Counter[str] = Counter()

    def _follow(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        call = continuation(details, request)

        def ended(call: Any) -> None:
            left = "/Watch" in details.method and call.code() is grpc.StatusCode.CANCELLED
            if left or call.code() is grpc.StatusCode.OK:
                self.ended_well[details.method] += 1

        call.add_done_callback(ended)
        return call

    def intercept_unary_unary(self, *call: Any) -> Any:
        return self._follow(*call)

    def intercept_unary_stream(self, *call: Any) -> Any:
        return self._follow(*call)

    def intercept_stream_stream(self, *call: Any) -> Any:
        return self._follow(*call)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Every channel to this machine that is made meanwhile is counted."""
        make = grpc.insecure_channel

        def intercepted(*args: Any, **kwargs: Any) -> grpc.Channel:
            return grpc.intercept_channel(make(*args, **kwargs), self)

        with mock.patch.object(grpc, "insecure_channel", intercepted):
            yield
