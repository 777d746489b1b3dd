"""`make bench`: prints every figure, and writes them to bench/results.json.

    python -m bench [NAME ...]

With names, such as `cached`, only these are measured, and nothing is written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench import (
    cached,
    callers,
    clients,
    connecting,
    creating,
    crowded,
    directory,
    gophercloud,
    latency,
    lists,
    polling,
    reconnecting,
    starting,
    transfers,
    waiting,
    watching,
)

MEASURES = {
    module.__name__.removeprefix("bench."): module.measure
    for module in (
        starting,
        lists,
        cached,
        clients,
        gophercloud,
        polling,
        latency,
        waiting,
        watching,
        reconnecting,
        creating,
        connecting,
        callers,
        transfers,
        crowded,
        directory,
    )
}
RESULTS = Path(__file__).parent / "results.json"


def main(wanted: list[str]) -> int:
    unknown = set(wanted) - MEASURES.keys()
    if unknown:
        print(f"no measure {', '.join(unknown)}; there are {', '.join(MEASURES)}", file=sys.stderr)
        return 2
    rows = []
    for name in wanted or MEASURES:
        for result in MEASURES[name]():
            print(result.line(), flush=True)
            rows.append(result.row())
    # Some of them are for a look; kept is what was measured together.
    if not wanted:
        RESULTS.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
        print(f"written to {RESULTS}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
