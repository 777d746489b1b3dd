"""Hashes of what is moved."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

# Less is hashed faster than another thread is woken.
WORTH_A_THREAD = 64 * 1024


class Digests:
    """Hashes of the same bytes.

    For large pieces each has a thread of its own, in which it runs while the bytes are moved: MD5
    is slower than many networks. SHA-256 alone is not worth that.
    """

    def __init__(self, *names: str) -> None:
        self._made = {name: hashlib.new(name, usedforsecurity=False) for name in names}
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._pending: list[Future[None]] = []
        # How many bytes they are of.
        self.count = 0

    def update(self, piece: bytes) -> None:
        """The next bytes. Returns while they are being hashed."""
        self.count += len(piece)
        self._settle()
        if len(piece) < WORTH_A_THREAD or self._made.keys() == {"sha256"}:
            for made in self._made.values():
                made.update(piece)
            return
        for name, made in self._made.items():
            pool = self._pools.get(name)
            if pool is None:
                pool = self._pools[name] = ThreadPoolExecutor(1, "oaktree-hash")
            self._pending.append(pool.submit(made.update, piece))

    def hex(self, name: str) -> str:
        """The hash of all so far, in hex."""
        self._settle()
        return self._made[name].hexdigest()

    def close(self) -> None:
        """Ends its threads."""
        for pool in self._pools.values():
            # Not waited for: this may be called by the garbage collector, in whichever thread, and
            # whatever that one holds.
            pool.shutdown(wait=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _settle(self) -> None:
        pending, self._pending = self._pending, []
        for one in pending:
            one.result()


def digests(pieces: Iterable[bytes], *names: str) -> dict[str, str]:
    """The hashes of all pieces, in hex, by their names."""
    with Digests(*names) as made:
        for piece in pieces:
            made.update(piece)
        return {name: made.hex(name) for name in names}
