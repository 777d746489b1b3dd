"""An oaktree in a process of its own, of which tests read all that the system knows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oaktree import tokenfile

# What nobody may ever find in a log.
FAULT = re.compile(r"fault [0-9a-f]{12}|Traceback|never retrieved|never awaited|Exception in ")


class Served:
    def __init__(self, folder: Path, *arguments: str | Path) -> None:
        """`folder` is where its log goes, all of it. RuntimeError if it does not start."""
        self._log = folder / "oaktree.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "oaktree.cli", "serve", "--listen", "127.0.0.1:0"),
                    *("--log-level", "debug", *map(str, arguments)),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={name: value for name, value in os.environ.items() if name[:3] != "OS_"},
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("oaktree serves on "):
            self.stop()
            raise RuntimeError(self.log())
        self.address = line.split()[-1]

    def stop(self) -> int:
        self.process.terminate()
        try:
            self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        return self.process.returncode

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def token(self) -> str:
        """Of one's own oaktree."""
        return (tokenfile.folder() / tokenfile.name_of(self.address)).read_text().strip()

    def file(self, name: str) -> bytes:
        """What the system says of the process."""
        return Path(f"/proc/{self.process.pid}/{name}").read_bytes()

    def memory(self) -> int:
        """Bytes that it has in memory."""
        found = re.search(rb"VmRSS:\s+(\d+) kB", self.file("status"))
        assert found is not None
        return int(found[1]) * 1024

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@contextmanager
def served(folder: Path, *arguments: str | Path) -> Iterator[Served]:
    one = Served(folder, *arguments)
    try:
        yield one
    finally:
        one.stop()
