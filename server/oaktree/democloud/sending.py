"""An answer on its way to the client, and a body on its way from it: whole, cut, spoilt or slow."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Send

from .core import CutConnection, Stream
from .faults import Fault

# Larger bodies are worth a look at whether the client is still there to read them.
LARGE = 64 * 1024
# How often a second a slow body moves.
STEPS = 20

Pieces = Iterator[bytes | memoryview]


class WorkerKilled(CutConnection):
    """The process that served the request is gone: nothing it began is put right."""


async def send_whole(
    send: Send, status: int, body: bytes, headers: dict[str, str], *, more: bool = False
) -> None:
    await _start(send, status, len(body), headers)
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def send_stream(
    request: Request,
    send: Send,
    status: int,
    body: Stream,
    headers: dict[str, str],
    fault: Fault | None,
) -> None:
    """Raises ClientDisconnect once the client has gone."""
    if fault:
        body = _spoilt(fault, body)
    slow = fault is not None and fault.kind == "slow"
    await _start(send, status, body.size, headers)
    transport = request.scope["state"]["transport"]
    sent = 0
    for piece in body.pieces:
        for part in _parts(piece, fault.bytes_per_second) if slow and fault else (piece,):
            if transport.is_closing():
                raise ClientDisconnect
            await send({"type": "http.response.body", "body": part, "more_body": True})
            sent += len(part)
            if slow:
                await asyncio.sleep(1 / STEPS)
    if fault and fault.kind == "stall":
        await gone(request.receive)
        raise ClientDisconnect
    # The server closes the connection of an application that returns before it has sent all.
    if sent == body.size:
        if sent > LARGE and await request.is_disconnected():
            raise ClientDisconnect
        await send({"type": "http.response.body", "body": b""})


async def gone(receive: Receive) -> None:
    """Returns once the client has gone. Nothing of the body may be left to read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(send: Send, status: int, size: int, headers: dict[str, str]) -> None:
    if status not in (204, 304):
        # A HEAD is answered with the length that a GET would have.
        headers.setdefault("content-length", str(size))
    start: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()],
    }
    await send(start)


def _spoilt(fault: Fault, body: Stream) -> Stream:
    """What a fault makes of a body that is good."""
    middle = fault.after_bytes if fault.after_bytes is not None else body.size // 2
    if fault.kind in ("cut_body", "stall"):
        return Stream(body.size, _first(body.pieces, middle))
    if fault.kind == "short":
        end = min(middle, max(0, body.size - 1))
        return Stream(end, _first(body.pieces, end))
    if fault.kind == "wrong_bytes":
        return Stream(body.size, _flipped(body.pieces, min(middle, body.size - 1)))
    return body


def _first(pieces: Pieces, left: int) -> Pieces:
    for piece in pieces:
        if left <= 0:
            return
        yield piece[:left]
        left -= len(piece)


def _flipped(pieces: Pieces, place: int) -> Pieces:
    """One bit of the byte at this place is another."""
    for piece in pieces:
        if 0 <= place < len(piece):
            changed = bytearray(piece)
            changed[place] ^= 1
            piece = bytes(changed)
        place -= len(piece)
        yield piece


def _parts(piece: bytes | memoryview, rate: int) -> Pieces:
    step = max(1, rate // STEPS)
    for start in range(0, len(piece), step):
        yield piece[start : start + step]


def received(fault: Fault | None, request: Request) -> Callable[[], AsyncIterator[bytes]]:
    """The body that a request brings, as a fault lets it through."""
    if fault is None or fault.kind not in ("cut", "killed", "stall", "slow"):
        return request.stream
    return lambda: _hindered(fault, request)


async def _hindered(fault: Fault, request: Request) -> AsyncIterator[bytes]:
    read = 0
    # A hindrance that comes later than the body is over comes at its end.
    bound = fault.after_bytes or 0
    async for piece in request.stream():
        if fault.kind == "slow":
            for part in _parts(piece, fault.bytes_per_second):
                await asyncio.sleep(1 / STEPS)
                yield bytes(part)
            continue
        taken = piece[: max(0, bound - read)]
        read += len(taken)
        if taken:
            yield taken
        if read >= bound:
            break
    if fault.kind == "cut":
        raise CutConnection
    if fault.kind == "killed":
        raise WorkerKilled
    if fault.kind == "stall":
        # To receive would be to take what comes. A transport does not tell when it closes.
        while not request.scope["state"]["transport"].is_closing():  # noqa: ASYNC110
            await asyncio.sleep(1 / STEPS)
        raise ClientDisconnect
