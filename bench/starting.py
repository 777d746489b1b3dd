"""What it takes to start, and to be there."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from bench.processes import clouds, oaktree, seconds_to_health
from bench.result import Result

RUNS = 5
# Until the last of what starting set in motion is over.
IDLE_SECONDS = 3.0


def measure() -> Iterator[Result]:
    with clouds(0) as path:
        starts = [seconds_to_health(path) for _ in range(RUNS)]
        yield Result(
            "start: oaktree serve to healthy",
            statistics.median(starts),
            "s",
            goal=1.5,
            at_most=True,
        )
        with oaktree(path) as (process, _):
            time.sleep(IDLE_SECONDS)
            yield Result("idle: memory of a server", process.memory_mib(), "MiB")
