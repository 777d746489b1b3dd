"""When a streaming call is sent again that has told nothing yet.

gRPC does that by itself for calls that answer at once. A stream that it may send again never ends,
not even at its deadline, when its server is lost and not back by the last attempt.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache

import grpc

from oaktreemodel._channel import service_config
from oaktreemodel._deadline import Deadline
from oaktreemodel.errors import DeadlineExceeded, OaktreeError

# As gRPC varies its own pauses, so that not all who were refused come back at once.
JITTER = 0.2


@dataclass(frozen=True)
class Policy:
    """How patient gRPC is with the calls that it sends again; pauses in seconds."""

    attempts: int
    first: float
    longest: float
    multiplier: float
    codes: frozenset[str]


@cache
def policy() -> Policy:
    """What gRPC is told of its own calls, so that all are alike."""
    (entry,) = json.loads(service_config())["methodConfig"]
    told = entry["retryPolicy"]
    return Policy(
        attempts=told["maxAttempts"],
        first=_seconds(told["initialBackoff"]),
        longest=_seconds(told["maxBackoff"]),
        multiplier=told["backoffMultiplier"],
        codes=frozenset(told["retryableStatusCodes"]),
    )


def _seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


class Attempts:
    """Those of one call. A stream that has begun would tell its items twice."""

    def __init__(self, timeout: float | None) -> None:
        self.deadline = Deadline(timeout)
        # Whether its token came to its end after it had begun, and another may be had.
        self.is_outlived = False
        self._count = 0
        self._heard = self._was_renewed = False
        self._error: OaktreeError | None = None

    def begin(self) -> float | None:
        """Count one. The seconds that it has; None for no end.

        Raises DeadlineExceeded if the pause has used them up.
        """
        self._count += 1
        left = self.deadline.left()
        # gRPC may find first that the server is still away, and say that instead.
        if self._error is not None and left == 0:
            raise DeadlineExceeded(
                f"the time for the call is over; before that: {self._error.message}",
                code=grpc.StatusCode.DEADLINE_EXCEEDED,
            ) from self._error
        return left

    def heard(self) -> None:
        """The stream has begun."""
        self._heard = True

    def renewed(self) -> bool:
        """Told that its token was refused, and another may be had. Whether to send it again: once,
        and as all that is sent again, before it has told something."""
        self.is_outlived = self._heard
        is_first, self._was_renewed = not self._was_renewed, True
        return is_first and not self._heard

    def pause(self, error: OaktreeError) -> float | None:
        """The seconds to wait after this error before the next; None if there is to be none.

        What the error itself asks for is not heeded, as gRPC does not.
        """
        chosen = policy()
        if self._heard or self._count >= chosen.attempts or error.code.name not in chosen.codes:
            return None
        self._error = error
        usual = min(chosen.first * chosen.multiplier ** (self._count - 1), chosen.longest)
        return self.deadline.shorten(usual * random.uniform(1 - JITTER, 1 + JITTER))
