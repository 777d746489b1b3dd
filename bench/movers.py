"""Who moves the bytes of images and objects, each in a process of its own.

    python -m bench.movers KIND CLOUDS.YAML CLOUD REGION [ADDRESS]

KIND is one of KINDS. It says `ready`, and answers each line on its standard input.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.processes import PYTHON, Process, running
from bench.ways import CONTAINER, KINDS, Stub, Where, finish

# What a crowd moves again and again, each.
CROWD_BYTES = 64 << 20
IMAGE, OBJECT = "image", "object"
UP, DOWN = "up", "down"


def storage_access(where: Where) -> tuple[str, str]:
    """Where the account's containers are, and a token for them."""
    connection = where.connection()
    session: Any = connection.session
    return str(connection.object_store.get_endpoint()).rstrip("/"), str(session.get_token())


@contextmanager
def container(where: Where) -> Iterator[None]:
    """The one that objects are moved to, from the beginning of the block to its end."""
    storage: Any = where.connection().object_store
    storage.create_container(CONTAINER)
    try:
        yield
    finally:
        for left in storage.objects(CONTAINER):
            storage.delete_object(left, container=CONTAINER)
        storage.delete_container(CONTAINER)


class Mover:
    """One that is measured."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def move(self, way: str, what: str, size: int) -> tuple[float, float]:
        """Seconds, and processor seconds of the mover, for an upload or the download of what was
        uploaded last."""
        seconds, cpu = self.process.say(f"{way} {what} {size}").split()
        return float(seconds), float(cpu)

    def crowd(self, *what: str) -> None:
        """Begins or ends what many do at once."""
        answered = self.process.say(" ".join(what))
        if answered != "done":
            raise RuntimeError(f"the crowd failed: {answered}")


@contextmanager
def mover(kind: str, where: Where) -> Iterator[Mover]:
    told = [str(where.clouds_yaml), where.cloud, where.region, where.address]
    with running([*PYTHON, "bench.movers", kind, *told], "ready") as process:
        yield Mover(process)


class Crowd:
    """Many stubs, each with a connection and a thread of its own."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._threads: list[threading.Thread] = []
        self._over = threading.Event()
        self._failed: list[BaseException] = []

    def begin(self, way: str, what: str, count: int, stalls: bool) -> None:
        stubs = [Stub(self._where) for _ in range(count)]
        self._over.clear()
        gate = threading.Semaphore(0)
        for stub in stubs:
            if way == DOWN:
                getattr(stub, f"up_{what}")(CROWD_BYTES)
            if stalls:
                stub.stalled = self._over
            self._threads.append(threading.Thread(target=self._go_on, args=(stub, way, what, gate)))
            self._threads[-1].start()
        for _ in stubs:
            gate.acquire()

    def _go_on(self, stub: Stub, way: str, what: str, gate: threading.Semaphore) -> None:
        move = getattr(stub, f"{way}_{what}")
        gate.release()
        try:
            while not self._over.is_set():
                move(CROWD_BYTES)
                if way == UP and what == IMAGE:
                    stub.delete_image()
            if way == DOWN or what == OBJECT:
                getattr(stub, f"delete_{what}")()
        except BaseException as error:
            self._failed.append(error)

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        if self._failed:
            raise self._failed[0]


def _main(kind: str, clouds_yaml: str, cloud: str, region: str, address: str) -> None:
    where = Where(Path(clouds_yaml), cloud, region, address)
    one, crowd = KINDS[kind](where), Crowd(where)
    print("ready", flush=True)
    for line in sys.stdin:
        verb, *rest = line.split()
        if verb == "begin":
            crowd.begin(rest[0], rest[1], int(rest[2]), rest[3] == "stalled")
            print("done", flush=True)
        elif verb == "end":
            crowd.end()
            print("done", flush=True)
        elif verb == "delete":
            getattr(one, f"delete_{rest[0]}")()
            print("done", flush=True)
        else:
            size = int(rest[1])
            finish(size)
            began, used = time.perf_counter(), time.process_time()
            getattr(one, f"{verb}_{rest[0]}")(size)
            print(time.perf_counter() - began, time.process_time() - used, flush=True)


if __name__ == "__main__":
    _main(*itertools.islice(itertools.chain(sys.argv[1:], itertools.repeat("")), 5))
