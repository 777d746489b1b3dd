"""When a call that outlives its connection is made again: waits and watches.

Both change nothing, and begin by saying what there is now, so that making them again is safe.
"""

from __future__ import annotations

import random
import time

from oaktreemodel._deadline import Deadline
from oaktreemodel.errors import Unavailable

# Bounds of a pause, in seconds. gRPC's own pauses between attempts to connect come on top, see
# `_channel.py`.
SHORTEST = 0.25
LONGEST = 10.0


class Lasting:
    """One such call: how long it may still take, and how long to pause before the next time."""

    def __init__(self, timeout: float | None) -> None:
        self._deadline = Deadline(timeout)
        self._begun = 0.0
        self._losses = 0
        self._heard = self._was_heard = False

    @property
    def is_again(self) -> bool:
        """Whether it is not the first time. Then it waits for the server to come back."""
        return self._losses > 0

    def begin(self) -> float | None:
        """The seconds that are left; None for no end."""
        self._begun = time.monotonic()
        self._heard = False
        return self._deadline.left()

    def heard(self) -> None:
        """The server has said something: the address is right, and the call is one it can do."""
        self._heard = self._was_heard = True

    def outlived(self) -> float:
        """The seconds to pause when the token has ended: none, the server is there. But where
        tokens end as soon as they are used, more and more."""
        self._count()
        return self._pause() if self._losses > 1 else 0.0

    def lost(self, error: Unavailable) -> tuple[bool, float]:
        """Whether this loss is news, and the seconds to pause.

        Raises the error itself when there never was a server.
        """
        if not self._was_heard:
            raise error
        self._count()
        return self._heard, self._pause()

    def _count(self) -> None:
        # A server that is lost again and again is given more and more time.
        lasted = time.monotonic() - self._begun
        self._losses = 1 if lasted > LONGEST else self._losses + 1

    def _pause(self) -> float:
        # At random, so that not all who lost it come back at once.
        most = min(LONGEST, SHORTEST * 2.0 ** min(self._losses + 1, 10))
        return self._deadline.shorten(random.uniform(SHORTEST, most))
