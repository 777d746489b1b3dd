"""Oaktrees that are killed while they move bytes."""

from __future__ import annotations

import contextlib
import signal
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import oaktreemodel

from .conftest import serving


def while_killed(
    clouds_yaml: Path, logs: Path, cloud: str, seconds: float, work: Callable[[Any], object]
) -> None:
    """Does the work, which must not go on for ever, with an oaktree that is killed after so many
    seconds."""
    log = logs / uuid.uuid4().hex
    with ThreadPoolExecutor(1) as thread, contextlib.ExitStack() as after:
        with serving(clouds_yaml, log, signal.SIGKILL) as address:
            client = after.enter_context(oaktreemodel.connect(address))
            done: Future[object] = thread.submit(work, client.cloud(cloud))
            wait([done], seconds)
        with contextlib.suppress(oaktreemodel.OaktreeError):
            done.result()
