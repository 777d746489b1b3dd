"""How far a transfer is, for who asked to be told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Progress:
    """How far a transfer is.

    Attributes:
        sent_bytes: How many bytes have been moved, in either direction. What was there already
            counts, too.
        total_bytes: How many there are in all; None as long as that is not known.
        name: What they are of: a file's path, or the name that the upload or download was given.
    """

    sent_bytes: int
    total_bytes: int | None
    name: str


OnProgress: TypeAlias = Callable[[Progress], object]


class Meter:
    """Counts what moves and tells it. Safe for threads."""

    def __init__(self, on_progress: OnProgress | None, name: str = "") -> None:
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._name = name
        self._total: int | None = None
        self._sent = 0

    def expect(self, count: int) -> None:
        """There are so many bytes more in all."""
        with self._lock:
            self._total = (self._total or 0) + count

    def add(self, count: int, name: str = "") -> None:
        """So many have moved; fewer than none where they have to move again."""
        with self._lock:
            self._sent += count
            told = Progress(self._sent, self._total, name or self._name)
        if self._on_progress is not None:
            self._on_progress(told)


class Count:
    """What one transfer adds to a meter. It may begin anew."""

    def __init__(self, meter: Meter, name: str = "") -> None:
        self._meter = meter
        self._name = name
        self._counted = 0

    def reach(self, count: int) -> None:
        """So many bytes have moved in all."""
        change, self._counted = count - self._counted, count
        if change:
            self._meter.add(change, self._name)

    def add(self, count: int) -> None:
        """So many more."""
        self.reach(self._counted + count)
