"""When a transfer that broke off is begun again, or goes on."""

from __future__ import annotations

import random

from oaktreemodel._deadline import Deadline
from oaktreemodel.errors import OaktreeError, Unavailable

# Bounds of a pause, in seconds.
SHORTEST = 0.25
LONGEST = 10.0
# How often without any byte in between.
TIMES = 6


class Patience:
    """How long one transfer puts up with a server that is lost."""

    def __init__(self, timeout: float | None) -> None:
        self.deadline = Deadline(timeout)
        self._losses = 0

    def heard(self) -> None:
        """Some bytes have moved that need not move again."""
        self._losses = 0

    def lost(self, error: OaktreeError) -> float:
        """The seconds to pause before it is tried again. Raises the error itself if it is not to
        be."""
        self._losses += 1
        if not isinstance(error, Unavailable) or self._losses > TIMES or self.deadline.left() == 0:
            raise error
        # At random, so that not all who lost it come back at once.
        most = min(LONGEST, SHORTEST * 2.0**self._losses)
        return self.deadline.shorten(random.uniform(SHORTEST, most))
