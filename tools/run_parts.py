"""Runs make targets one after another, all of them, and says at the end how each went.

    python tools/run_parts.py TARGET...

The last line is the number of tests that passed and failed, by the reports that pytest leaves in
.tools/reports. A target that fails without a failing test counts as one. Ends with 1 if anything
failed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / ".tools" / "reports"
GATE_FAILED = """\
<testsuite tests="1" failures="1"><testcase name="{}"><failure/></testcase></testsuite>
"""


@dataclass
class Tests:
    """How many tests went which way."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: Tests) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


@dataclass
class Part:
    """One target and how it went; `code` is None until it has ended."""

    target: str
    code: int | None = None
    seconds: float = 0
    tests: Tests = field(default_factory=Tests)

    def __str__(self) -> str:
        word = {0: "ok", None: "not run"}.get(self.code, "FAILED")
        tests = str(self.tests) if self.tests != Tests() else ""
        return f"{self.target:15} {word:8} {self.seconds:5.0f} s  {tests}".rstrip()


def count(report: Path) -> Tests:
    """What a JUnit report says. ElementTree.ParseError if pytest was killed while writing it."""
    found = Tests()
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        number = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors")}
        skipped = int(suite.get("skipped", 0))
        failed = number["failures"] + number["errors"]
        found.add(Tests(number["tests"] - failed - skipped, failed, skipped))
    return found


def reports() -> dict[Path, tuple[int, int]]:
    """What is there, and what tells it from what it was."""
    stats = {path: path.stat() for path in sorted(REPORTS.glob("*.xml"))}
    return {path: (stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}


def run(part: Part, make: Sequence[str]) -> None:
    """Run a target to its end. KeyboardInterrupt, once it has ended, if we are to stop."""
    print(f"\n=== {part.target}", flush=True)
    before = reports()
    started = time.monotonic()
    process = subprocess.Popen([*make, part.target], cwd=ROOT)
    try:
        part.code = process.wait()
    except KeyboardInterrupt:
        # The signal was sent to the whole group, so the target is ending, too.
        part.code = process.wait() or 1
        raise
    finally:
        part.seconds = time.monotonic() - started
        for report, stat in reports().items():
            if before.get(report) != stat:
                part.tests.add(count(report))
        if part.code != 0 and not part.tests.failed:
            part.tests.failed = 1
            # For whoever counts what this run is a part of.
            REPORTS.mkdir(parents=True, exist_ok=True)
            (REPORTS / f"{part.target}.xml").write_text(GATE_FAILED.format(part.target))


def main(targets: Sequence[str]) -> int:
    if not targets:
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    make = [os.environ.get("MAKE", "make"), "--no-print-directory"]
    parts = [Part(target) for target in targets]
    try:
        for part in parts:
            run(part, make)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
    total = Tests()
    print("\n=== summary")
    for part in parts:
        print(part)
        total.add(part.tests)
    print(Tests(total.passed, total.failed), flush=True)
    return int(any(part.code != 0 for part in parts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
