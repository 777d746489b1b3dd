"""The programs that do with a client what is measured of it: built, one a language.

Each is run as `PROGRAM WHAT WHERE`. It says `ready`, and answers each line on its standard input,
of seconds that a list may be old, with what a list of all servers cost it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import PYTHON, Process, running

ROOT = Path(__file__).resolve().parents[1]
_OUT = ROOT / ".tools" / "bench"


class Absent(Exception):
    """This machine lacks what builds a program; says what."""


def python() -> list[str]:
    """The Python client's."""
    return [*PYTHON, "bench.clients"]


def go() -> list[str]:
    """The Go client's, and gophercloud's. Absent where there is no Go that can build it."""
    program = _OUT / "go" / "clients"
    # From the folder go/, where with-go runs it.
    build = ["./with-go", "bench", "../bench/go/build", str(program)]
    return _built("go", build, program)


def cpp() -> list[str]:
    """The C++ client's. Absent where what builds a C++ program with gRPC is not there."""
    out = _OUT / "cpp"
    return _built("bench/cpp", ["./build", str(out)], out / "clients")


def _built(folder: str, build: list[str], program: Path) -> list[str]:
    program.parent.mkdir(parents=True, exist_ok=True)
    built = subprocess.run(build, cwd=ROOT / folder, capture_output=True, text=True)
    if built.returncode:
        raise RuntimeError(f"{program} is not built: {built.stderr[-3000:]}")
    skipped = [line for line in built.stdout.splitlines() if line.startswith("skipped: ")]
    if skipped:
        raise Absent(skipped[-1].removeprefix("skipped: ").removeprefix("bench: "))
    return [str(program)]


@dataclass(frozen=True)
class Listed:
    """What one list of so many servers cost the program."""

    count: int
    cpu_seconds: float
    seconds: float


class Lister:
    """A program that lists."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def list(self, max_age: int) -> Listed:
        """One more list, of servers as they were so many seconds ago at most."""
        count, cpu, seconds = self._process.say(str(max_age)).split()
        return Listed(int(count), float(cpu), float(seconds))


@contextmanager
def lister(program: list[str], what: str, where: str) -> Iterator[Lister]:
    """A program that lists, from its start to the end of the block."""
    with running([*program, what, where], "ready") as process:
        yield Lister(process)
