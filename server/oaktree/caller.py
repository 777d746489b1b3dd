"""One caller, as a cloud knows it, and all that is kept for it."""

from __future__ import annotations

from oaktree.clouds import Clouds
from oaktree.errors import rate_limited
from oaktree.listing import Listings
from oaktree.once import Once
from oaktree.poller import Pollers


class Caller:
    """What the calls of one caller share: connections, rate budgets, what was read of the clouds,
    pollers and request ids. Two callers share none of it, so that nothing of one can come to
    another."""

    def __init__(self, clouds: Clouds, most_streams: int | None = None) -> None:
        """`most_streams` is how many it may have open at once; None for any number."""
        self.clouds = clouds
        self.listings = Listings()
        self.pollers = Pollers(self.listings)
        self.once = Once()
        # Calls that are under way, and those of them that are streams.
        self.calls = 0
        self.streams = 0
        self._most_streams = most_streams

    def begin_stream(self) -> None:
        """RESOURCE_EXHAUSTED if there are too many already."""
        if self._most_streams is not None and self.streams >= self._most_streams:
            raise rate_limited(
                f"{self._most_streams} streams of this caller are open, and more may not be: one "
                "watch tells of every change that many waits would",
                1.0,
            )
        self.streams += 1

    async def finish(self, seconds: float) -> None:
        """Lets the changes that are under way end, for so long, and lets go of everything."""
        self.pollers.close()
        await self.once.finish(seconds)
        self.clouds.close()
