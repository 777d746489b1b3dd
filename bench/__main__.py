"""`make bench`: prints every figure, and writes them to bench/results.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench import lists, starting, waiting

MEASURES = {"starting": starting.measure, "lists": lists.measure, "waiting": waiting.measure}
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
    RESULTS.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    print(f"written to {RESULTS}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
