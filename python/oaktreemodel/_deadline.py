"""The end of a call that may be sent several times."""

from __future__ import annotations

import time


class Deadline:
    """What is left of a timeout, in seconds; of None, there is no end."""

    def __init__(self, timeout: float | None) -> None:
        self._end = None if timeout is None else time.monotonic() + timeout

    def left(self) -> float | None:
        """None for no end, and 0 when it has passed."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def shorten(self, pause: float) -> float:
        """The pause, or what is left if that is less."""
        left = self.left()
        return pause if left is None else min(pause, left)
