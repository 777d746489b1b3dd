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

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_TICKS = os.sysconf("SC_CLK_TCK")
# Long enough for ten thousand servers to be made up on a busy machine.
PATIENCE_SECONDS = 120.0


@dataclass
class Process:
    """One that runs, and the line that it said it was ready with."""

    pid: int
    ready: str

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
        [sys.executable, "-W", "ignore", *command], stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    try:
        line = ""
        end = time.monotonic() + PATIENCE_SECONDS
        while not line.startswith(ready):
            line = started.stdout.readline()
            if not line or time.monotonic() > end:
                raise RuntimeError(f"{' '.join(command)} did not start")
        yield Process(started.pid, line.strip())
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
        command = ["-m", "oaktree.democloud", "--clouds-yaml", str(path), "--servers", str(servers)]
        with running(command, "democloud ready"):
            yield path


@contextmanager
def oaktree(path: Path) -> Iterator[tuple[Process, str]]:
    """An oaktree that serves them, and its address."""
    command = ["-m", "oaktree.cli", "serve", "--clouds", str(path), "--listen", "127.0.0.1:0"]
    with running([*command, "--log-level", "warning"], "oaktree serves on") as process:
        yield process, process.ready.split()[-1]


def seconds_to_health(path: Path) -> float:
    """From the start of `oaktree serve` to the first SERVING."""
    began = time.perf_counter()
    with oaktree(path) as (_, address), grpc.insecure_channel(address) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=30
        )
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        return time.perf_counter() - began
