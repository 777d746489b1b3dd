"""The drivers: one a language, each a process that is told on its standard input what to call.

What goes over the lines is in README.rst.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent


class Absent(Exception):
    """A language that this machine lacks the tools for."""


@dataclass(frozen=True)
class Language:
    """A driver as its `driver.yaml` describes it.

    `build` makes the driver, and `run` is it, with `env` added to its environment. Both run in the
    folder conformance/ of the checkout that the client is taken from, and know ${PYTHON}, this
    interpreter, and ${OUT}, the full path of a folder to build into. A build that prints
    `skipped: WHY` says what this machine lacks. `known_failing` is why, by case.
    """

    name: str
    run: list[str]
    build: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    known_failing: dict[str, str] = field(default_factory=dict)

    def start(self, environment: Mapping[str, str], root: Path = FOLDER.parent) -> Driver:
        """A driver that runs in an environment, of the client in a checkout. Absent where this
        machine cannot build it, RuntimeError where that fails."""
        out = root / ".tools" / "conformance" / self.name
        out.mkdir(parents=True, exist_ok=True)
        folder = root / FOLDER.name
        known = {"${OUT}": str(out), "${PYTHON}": sys.executable}

        def filled(words: list[str]) -> list[str]:
            for name, value in known.items():
                words = [word.replace(name, value) for word in words]
            return words

        if self.build:
            built = subprocess.run(filled(self.build), cwd=folder, capture_output=True, text=True)
            if built.returncode:
                raise RuntimeError(
                    f"the driver of {self.name} is not built: {built.stderr[-3000:]}"
                )
            if built.stdout.startswith("skipped: "):
                why = built.stdout.removeprefix("skipped: ").strip()
                raise Absent(f"{self.name} is not run: {why}")
        return Driver(filled(self.run), folder, {**environment, **self.env})


def languages() -> dict[str, Language]:
    """Every one that has a folder, by name."""
    found = {}
    for path in sorted(FOLDER.glob("drivers/*/driver.yaml")):
        known = yaml.safe_load(path.with_name("known_failing.yaml").read_text()) or {}
        described = yaml.safe_load(path.read_text())
        found[path.parent.name] = Language(path.parent.name, known_failing=known, **described)
    return found


class Silent(Exception):
    """A driver that says nothing, though it should."""


class Asked:
    """A command to a driver, and the lines that answer it."""

    def __init__(self) -> None:
        self.lines: queue.Queue[dict[str, Any]] = queue.Queue()

    def line(self, patience: float) -> dict[str, Any]:
        """The next. Silent if none comes within so many seconds."""
        try:
            return self.lines.get(timeout=patience)
        except queue.Empty:
            raise Silent(f"the driver said nothing for {patience} seconds") from None


class Driver:
    """A driver that runs; it is used from one thread."""

    def __init__(self, command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._command = command
        self._folder = folder
        self._environment = environment
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._asked: dict[int, Asked] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def again(self, variables: Mapping[str, str]) -> Driver:
        """Another one like it, with these variables in its environment, too."""
        return Driver(self._command, self._folder, {**self._environment, **variables})

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            self._asked[told.pop("id")].lines.put(told)
        for asked in list(self._asked.values()):
            asked.lines.put({"broken": "the driver has ended"})

    def ask(self, **command: Any) -> Asked:
        """Send a command. Silent if the driver is no more."""
        number, asked = len(self._asked), Asked()
        self._asked[number] = asked
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"id": number, **command}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Silent("the driver has ended") from None
        return asked

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
