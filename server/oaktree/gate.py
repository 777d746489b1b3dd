"""Who may call: one's own oaktree asks for the token of its file, a deployer's for Keystone's word.

A gate lets a call in with a pass, which says whose call it is. Everything that is kept for callers
hangs on the `Caller` of a pass, so a call sees what is its caller's and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from oaktree.caller import Caller
from oaktree.clouds import Clouds
from oaktree.errors import Refused, not_offered, unauthenticated
from oaktree.tokenfile import TokenFile

Metadata: TypeAlias = Sequence[tuple[str, str | bytes]]
AUTHORIZATION, SCHEME = "authorization", "bearer "


class Stream:
    """A streaming call under way, which its pass can end."""

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        # Whether it is gRPC's turn: what it awaits there must not be broken off.
        self.is_sending = False

    def end(self) -> None:
        if not self.is_sending and self._task is not None:
            self._task.cancel()


class Pass:
    """What lets a caller's calls in, until it ends."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        # Why it is good no longer.
        self.ended: Refused | None = None
        # The cloud has refused it somewhere; it may be worth nothing any more.
        self.is_doubted = False
        # Calls that are under way, and those of them that are streams.
        self.calls = 0
        self.streams: set[Stream] = set()

    def enter(self) -> None:
        """A call begins; it has to `leave`."""
        self.calls += 1
        self.caller.calls += 1

    def leave(self) -> None:
        self.calls -= 1
        self.caller.calls -= 1

    @contextlib.contextmanager
    def streaming(self, outlives: bool = False) -> Iterator[Stream]:
        """A stream that ends with the pass, unless it outlives it. RESOURCE_EXHAUSTED if its caller
        has too many."""
        self.caller.begin_stream()
        stream = Stream()
        if not outlives:
            self.streams.add(stream)
        try:
            yield stream
        finally:
            self.streams.discard(stream)
            self.caller.streams -= 1

    def end(self, why: Refused) -> None:
        """Ends it, and the streams that it let in."""
        if self.ended is None:
            self.ended = why
            for stream in tuple(self.streams):
                stream.end()


class Gate(ABC):
    """Who may call."""

    # Whether it may stand where others than this machine's users can reach it.
    may_be_reached = False

    def __init__(self) -> None:
        # For what needs no token.
        self.nobody = Pass(Caller(Clouds({})))

    @abstractmethod
    def known(self, metadata: Metadata) -> Pass | None:
        """The pass of a call about which nobody need be asked. UNAUTHENTICATED if it shows nothing
        that could let it in."""

    async def admit(self, metadata: Metadata, peer: str) -> Pass:
        """The pass of any call. UNAUTHENTICATED if there is none."""
        found = self.known(metadata)
        assert found is not None
        return found

    async def reconsider(self, one: Pass) -> None:
        """The cloud has refused the caller, perhaps because its pass is worth nothing any more.
        UNAUTHENTICATED if so."""
        if one.ended is not None:
            # A copy for each: what is raised keeps alive what its traceback shows, such as tokens.
            raise replace(one.ended)

    async def create_token(self, request: Any, peer: str) -> bytes:
        """Serves CreateToken. NOT_OFFERED where no such token would be of use."""
        raise not_offered(
            "this oaktree is its owner's own: it takes the token in the owner's runtime directory, "
            "where clients of this machine find it by themselves"
        )

    @abstractmethod
    def open(self, address: str) -> None:
        """The oaktree listens at an address now. OSError if callers cannot be let in."""

    @abstractmethod
    def describe(self) -> str:
        """What is served, in words for a log."""

    @abstractmethod
    def callers(self) -> Collection[Caller]:
        """All those something is kept for."""

    def end_streams(self) -> None:
        """Ends every wait and watch: this oaktree is shutting down."""
        for caller in self.callers():
            caller.pollers.close()

    async def close(self, seconds: float) -> None:
        """Lets changes that are under way end, for so long, and lets go of everything."""
        await asyncio.gather(*(caller.finish(seconds) for caller in self.callers()))


def bearer(metadata: Metadata) -> str | None:
    """The token that a call shows; None if it shows none. UNAUTHENTICATED if it shows something
    else."""
    for key, value in metadata:
        if key == AUTHORIZATION:
            text = value if isinstance(value, str) else ""
            if text[: len(SCHEME)].lower() != SCHEME or not text[len(SCHEME) :].strip():
                raise unauthenticated("authorization must be `Bearer TOKEN`")
            return text[len(SCHEME) :].strip()
    return None


class Open(Gate):
    """Lets in whoever can reach it (`--no-auth`)."""

    def __init__(self, clouds: Clouds) -> None:
        super().__init__()
        self._pass = Pass(Caller(clouds))

    def known(self, metadata: Metadata) -> Pass:
        return self._pass

    def open(self, address: str) -> None:
        """Nobody needs to be told of it."""

    def describe(self) -> str:
        return ", ".join(self._pass.caller.clouds.names) or "no clouds"

    def callers(self) -> Collection[Caller]:
        return (self._pass.caller,)


class Own(Open):
    """Lets in who shows the token of this oaktree's file, which only its owner can read."""

    def __init__(self, clouds: Clouds) -> None:
        super().__init__(clouds)
        self._file = TokenFile()
        self._token = self._file.token.encode()
        self._hint = ""

    def known(self, metadata: Metadata) -> Pass:
        token = bearer(metadata)
        if token is None:
            raise unauthenticated(f"the call shows no token; {self._hint}")
        if not hmac.compare_digest(token.encode(errors="replace"), self._token):
            raise unauthenticated(
                f"the call shows a token that is not this oaktree's; {self._hint}"
            )
        return self._pass

    def open(self, address: str) -> None:
        path = self._file.write(address)
        self._hint = (
            f"it is in {path}, for its owner: clients that run as the user who started oaktree, on "
            "this machine, find it there by themselves; others have to be given it"
        )

    async def close(self, seconds: float) -> None:
        self._file.remove()
        await super().close(seconds)
