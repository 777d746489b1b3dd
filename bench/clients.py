"""What a client adds to the generated stub that it is made of: a cached list, in each language.

Both list in turns, each in a process of its own that goes on to the next list, and each list is
compared with its neighbour. This file is also what the processes of Python run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from google.protobuf.duration_pb2 import Duration

from bench import programs
from bench.cached import AGE, EAST
from bench.processes import cheap_cloud, oaktree
from bench.programs import Absent, Lister, lister
from bench.result import Result, Skipped

SERVERS = 10_000
ROUNDS = 16
# Of those that are compiled. Python's client has no goal: its stub hardly costs more than its loop.
GOAL = 1.2
LANGUAGES = (
    ("Python", programs.python, None),
    ("Go", programs.go, GOAL),
    ("C++", programs.cpp, GOAL),
)
Pairs = list[tuple[float, float]]


def _compare(client: Lister, stub: Lister) -> tuple[Pairs, Pairs]:
    """Processor time a server in microseconds and milliseconds a list, of both."""
    sides = (client, stub)
    cpu: Pairs = []
    took: Pairs = []
    for number in range(ROUNDS + 1):
        # Who goes first changes.
        order = sides if number % 2 else sides[::-1]
        listed = {id(side): side.list(AGE.seconds) for side in order}
        one, other = (listed[id(side)] for side in sides)
        assert one.count == other.count == SERVERS
        # The first round connects, and fills what is kept.
        if number:
            each = 1e6 / SERVERS
            cpu.append((one.cpu_seconds * each, other.cpu_seconds * each))
            took.append((one.seconds * 1e3, other.seconds * 1e3))
    return cpu, took


def measure() -> Iterator[Result | Skipped]:
    with cheap_cloud("--servers", str(SERVERS)) as (_, path), oaktree(path) as (_, address):
        for language, build, goal in LANGUAGES:
            name = f"cached list of {SERVERS}, client in {language} against its stub"
            try:
                program = build()
            except Absent as error:
                yield Skipped(name, str(error))
                continue
            with ExitStack() as stack:
                cpu, took = _compare(
                    *(
                        stack.enter_context(lister(program, what, address))
                        for what in ("list-client", "list-stub")
                    )
                )
            yield Result.paired(f"{name}: CPU a server", cpu, "µs", goal=goal, at_most=True)
            yield Result.paired(f"{name}: time", took, "ms", goal=goal, at_most=True)


def _client(address: str) -> Callable[[int], int]:
    import oaktreemodel

    servers = oaktreemodel.connect(address).at(EAST).servers
    return lambda max_age: sum(1 for server in servers.list(max_age=max_age) if server.name)


def _stub(address: str) -> Callable[[int], int]:
    import grpc
    from oaktreemodel.v1 import server_pb2, server_pb2_grpc

    stub = server_pb2_grpc.ServerServiceStub(grpc.insecure_channel(address))

    def list_all(max_age: int) -> int:
        request = server_pb2.ListServersRequest(location=EAST, max_age=Duration(seconds=max_age))
        batches = stub.ListServers(request)
        return sum(1 for batch in batches for server in batch.servers if server.name)

    return list_all


def _answer(list_all: Callable[[int], int]) -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        max_age = int(line)
        began, used = time.perf_counter(), time.process_time()
        count = list_all(max_age)
        print(count, time.process_time() - used, time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    _answer({"list-client": _client, "list-stub": _stub}[sys.argv[1]](sys.argv[2]))
