"""The drivers: one a language, each a process that is told on its standard input what to call.

What goes over the lines is in README.rst.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent
BUILDS = FOLDER.parent / ".tools" / "conformance"


@dataclass(frozen=True)
class Language:
    """A driver as its `driver.yaml` describes it.

    `needs` is, for each command that it takes, what a machine without it is told to get; `build`
    makes the driver, and `run` is it. Both run in the folder of this file, and know ${PYTHON}, this
    interpreter, and ${OUT}, a folder to build into. `known_failing` is why, by case.
    """

    name: str
    run: list[str]
    needs: dict[str, str] = field(default_factory=dict)
    build: list[list[str]] = field(default_factory=list)
    known_failing: dict[str, str] = field(default_factory=dict)

    @property
    def absent(self) -> str:
        """What this machine lacks to run it, in words; empty if nothing."""
        lacking = [words for tool, words in self.needs.items() if not shutil.which(tool)]
        return " and ".join(lacking)

    def built(self, out: Path | None = None, options: str = "") -> list[str]:
        """The command to run it, once it is built. CalledProcessError if that fails.

        options: for ${OPTIONS} in `build`, of a driver that is not the usual one.
        """
        out = out or BUILDS / self.name
        out.mkdir(parents=True, exist_ok=True)
        known = {"${OUT}": str(out), "${PYTHON}": sys.executable, "${OPTIONS}": options}

        def filled(word: str) -> str:
            for name, value in known.items():
                word = word.replace(name, value)
            return word

        for step in self.build:
            command = [word for one in step if (word := filled(one))]
            subprocess.run(command, cwd=FOLDER, check=True)
        return [filled(word) for word in self.run]


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

    def __init__(self, command: list[str], env: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=FOLDER,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._asked: dict[int, Asked] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

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

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
