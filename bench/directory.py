"""A directory of small files into object storage: the Python client's command beside `swift upload`
of python-swiftclient. Each is a new process, as for who types it.

The second time nothing has changed; swift is told to look for that by checksum, as oaktree does.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import oaktreemodel

from bench.movers import storage_access
from bench.processes import cheap_cloud, oaktree
from bench.result import Result
from bench.ways import Where

FILES, FILE_BYTES = 10_000, 4096
# In one directory of the tree.
TOGETHER = 100


def _fill(directory: Path) -> None:
    made = random.Random("bench")
    for number in range(FILES):
        folder = directory / f"{number // TOGETHER:03}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number:05}.bin").write_bytes(made.randbytes(FILE_BYTES))


def _seconds(command: Sequence[str], directory: Path, **environment: str) -> float:
    began = time.perf_counter()
    subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def measure() -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as folder, cheap_cloud() as (_, path):
        directory = Path(folder)
        _fill(directory)
        url, token = storage_access(Where(path, "modern", "east"))
        access = {"OS_STORAGE_URL": url, "OS_AUTH_TOKEN": token}
        with oaktree(path) as (_, address):
            with oaktreemodel.connect(address) as client:
                client.cloud("modern", region="east").storage_containers.create(name="ours")
            where = ("--address", address, "--cloud", "modern", "--region", "east")
            upload = ("-m", "oaktreemodel", "upload-directory", "--quiet", ".", "ours")
            ours = (sys.executable, *upload, *where)
            swift = (sys.executable, "-m", "swiftclient.shell", "upload", "theirs", ".")
            for which, goal, options in (
                ("the first time", 2, ()),
                ("again, unchanged", 5, ("--skip-identical",)),
            ):
                theirs = _seconds((*swift, *options), directory, **access)
                mine = _seconds(ours, directory)
                name = f"{FILES} files of {FILE_BYTES >> 10} KiB beside swift upload, {which}"
                rates = (FILES / mine, FILES / theirs)
                yield Result(name, rates[0], "files/s", peer=rates[1], goal=goal)
