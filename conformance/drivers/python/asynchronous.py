"""The driver of the asyncio client: a task a call."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import oaktreemodel
import oaktreemodel.aio

from .plain import Left, Tell, arguments, method, shown, teller


async def asynchronous(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """A source of the kind that this client alone takes."""
    for piece in pieces:
        yield piece


async def call(client: oaktreemodel.aio.Client, command: dict[str, Any], tell: Tell) -> None:
    """Make a call, and tell how it goes."""
    try:
        values = arguments(command, tell)
        if isinstance(values.get("source"), Iterator):
            values["source"] = asynchronous(values["source"])
        answer = method(oaktreemodel.aio, client, command)(**values)
        if inspect.isasyncgen(answer):
            number = 0
            async with contextlib.aclosing(answer):
                async for item in answer:
                    tell(item=shown(item))
                    number += 1
                    if number == command.get("take"):
                        break
            tell(result=None)
        else:
            tell(result=shown(await answer))
    except oaktreemodel.OaktreeError as error:
        tell(error=shown(error))
    except Left:
        tell(result=None)
    except (OSError, ValueError) as error:
        tell(refused=str(error))
    except (Exception, asyncio.CancelledError) as error:
        tell(broken=repr(error))


async def main() -> None:
    """Do what standard input says, until it ends."""
    client: Any = None
    tasks = set()
    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)
        tell = teller(command["id"])
        if "connect" in command:
            try:
                client = oaktreemodel.aio.connect(**command["connect"])
                tell(result=None)
            except (OSError, ValueError) as error:
                tell(refused=str(error))
        elif "close" in command:
            await client.close()
            tell(result=None)
        else:
            task = asyncio.create_task(call(client, command, tell))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    asyncio.run(main())
