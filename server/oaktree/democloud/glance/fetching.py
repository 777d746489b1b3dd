"""Bytes that Glance gets by itself: from a URL, or from an object."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import unquote, urlsplit

import requests

from ..content import PIECE
from ..core import ApiError, Call
from ..swift.reading import contents

# Seconds for the other side to say something.
PATIENCE = 20
AS_IT_IS = {"accept-encoding": "identity"}


class Unreachable(Exception):
    """There is nothing to be had there."""


def may_be_fetched(uri: object) -> bool:
    """Real services ask more of it: ports, and that it is no address of their own network."""
    return isinstance(uri, str) and urlsplit(uri).scheme in ("http", "https")


async def fetch(call: Call, where: str) -> AsyncIterator[bytes | memoryview]:
    """Raises Unreachable."""
    if not may_be_fetched(where):
        container, _, name = unquote(where).removeprefix("/").partition("/")
        try:
            pieces = contents(call.region, call.project, container, name)
        except ApiError:
            raise Unreachable(f"there is no object {where}") from None
        for piece in pieces:
            yield piece
            await asyncio.sleep(0)
        return
    try:
        # In a thread, as long as it waits: the cloud goes on meanwhile.
        answer = await asyncio.to_thread(
            requests.get, where, stream=True, timeout=PATIENCE, headers=AS_IT_IS
        )
        with answer:
            answer.raise_for_status()
            pieces = answer.iter_content(PIECE)
            while piece := await asyncio.to_thread(next, pieces, b""):
                yield piece
    except (requests.RequestException, OSError) as error:
        raise Unreachable(str(error)) from None
