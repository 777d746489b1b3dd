"""The processes that are measured: started, asked what they cost, and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import requests
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

_TICKS = os.sysconf("SC_CLK_TCK")
# How a module of this interpreter is run as a program.
PYTHON = (sys.executable, "-W", "ignore", "-m")
# Long enough for ten thousand servers to be made up on a busy machine.
PATIENCE_SECONDS = 120.0


@dataclass
class Process:
    """One that runs, and the line that it said it was ready with."""

    pid: int
    ready: str
    _started: subprocess.Popen[str]

    def say(self, line: str) -> str:
        """What it answers, on one line, to one line."""
        assert self._started.stdin is not None
        assert self._started.stdout is not None
        self._started.stdin.write(line + "\n")
        self._started.stdin.flush()
        return self._started.stdout.readline().strip()

    def cpu_seconds(self) -> float:
        """What it has used so far, all threads, in user and system mode."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mib(self) -> float:
        """What it holds in memory now, shared pages counted whole."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise LookupError("the process is gone")


@contextmanager
def running(command: Sequence[str], ready: str) -> Iterator[Process]:
    """A process, from the line that begins with `ready` to the end of the block."""
    started = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    try:
        line = ""
        end = time.monotonic() + PATIENCE_SECONDS
        while not line.startswith(ready):
            line = started.stdout.readline()
            if not line or time.monotonic() > end:
                raise RuntimeError(f"{' '.join(command)} did not start")
        yield Process(started.pid, line.strip(), started)
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextmanager
def clouds(servers: int) -> Iterator[Path]:
    """The embedded clouds with so many servers in each region; their clouds.yaml."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clouds.yaml"
        command = [
            *PYTHON,
            "oaktree.democloud",
            "--clouds-yaml",
            str(path),
            "--servers",
            str(servers),
        ]
        with running(command, "democloud ready"):
            yield path


@contextmanager
def cheap_cloud(*options: str) -> Iterator[tuple[Process, Path]]:
    """bench.cloud, and its clouds.yaml."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clouds.yaml"
        command = [*PYTHON, "bench.cloud", "--clouds-yaml", str(path), *options]
        with running(command, "cloud ready") as process:
            yield process, path


def admin(path: Path, method: str, what: str, body: Any = None) -> Any:
    """A word with the embedded cloud's admin endpoint."""
    entry = yaml.safe_load(path.read_text())["clouds"]["modern"]
    address = entry["auth"]["auth_url"].removesuffix("/identity/v3")
    answer = requests.request(method, f"{address}/_admin/{what}", json=body, timeout=60)
    answer.raise_for_status()
    return answer.json()


@contextmanager
def serving(*options: str, listen: str = "127.0.0.1:0") -> Iterator[tuple[Process, str]]:
    """`oaktree serve` with these options, and its address."""
    command = [*PYTHON, "oaktree.cli", "serve", "--listen", listen, *options]
    with running([*command, "--log-level", "warning"], "oaktree serves on") as process:
        yield process, process.ready.split()[-1]


@contextmanager
def oaktree(path: Path, listen: str = "127.0.0.1:0") -> Iterator[tuple[Process, str]]:
    """An oaktree that serves them, and its address. It asks nobody for a token, since most of those
    who measure are bare stubs; bench/callers.py tells what a token costs."""
    with serving("--no-auth", "--clouds", str(path), listen=listen) as served:
        yield served


def seconds_to_health(path: Path) -> float:
    """From the start of `oaktree serve` to the first SERVING."""
    began = time.perf_counter()
    with oaktree(path) as (_, address), grpc.insecure_channel(address) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=30
        )
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        return time.perf_counter() - began
