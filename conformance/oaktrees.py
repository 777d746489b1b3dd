"""A real oaktree, in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# Seconds that it may take to start or to stop on a busy machine.
BOUND = 60.0
FOLDER = Path(__file__).resolve().parent
# The command, and one that suits embedded clouds.
OAKTREE = ("oaktree",)
HURRIED = (sys.executable, "-m", "conformance.hurried")


class Oaktree:
    """`oaktree serve`, which can be ended and started again, on the same port."""

    def __init__(
        self,
        command: Sequence[str],
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        host: str = "127.0.0.1",
    ) -> None:
        self._command = [*command, "serve", *arguments]
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self.address = f"{host}:0"
        self.start()

    def start(self) -> None:
        """Start it, or start it again."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*self._command, "--listen", self.address],
                cwd=FOLDER.parent,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environment,
            )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said.startswith("oaktree serves on "), self._log.read_text()[-2000:]
        self.address = said.split()[-1]

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(sign)
            self._process.communicate(timeout=BOUND)
            self._process = None

    def kill(self) -> None:
        """End it without a word to anybody."""
        self.stop(signal.SIGKILL)

    def restore(self) -> None:
        """Start it again if it was ended."""
        if self._process is None:
            self.start()
