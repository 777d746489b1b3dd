"""One cloud's HTTP server on a loopback port, which can go away and come back."""

import asyncio
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from .app import Application
from .cloud import Cloud

# Seconds that requests get to notice that their connection is gone.
GRACE = 5


class Protocol(HttpToolsProtocol):
    """Hands the connection to the application, whose faults cut it."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Listener:
    def __init__(self, cloud: Cloud, port: int) -> None:
        self.cloud = cloud
        self.app = Application(cloud)
        self._socket = _bound(port)
        self.port: int = self._socket.getsockname()[1]
        cloud.address = f"http://127.0.0.1:{self.port}"
        self._state = ServerState()
        self._listening: asyncio.Server | None = None

    async def open(self) -> None:
        if self._listening is not None:
            return
        if self._socket.fileno() < 0:
            self._socket = _bound(self.port)
        self.app.stopping = False
        config = uvicorn.Config(
            self.app,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            # Longer than a client's poll, so that its connections last.
            timeout_keep_alive=120,
        )
        config.load()
        # Without uvicorn's own loop around it, which looks ten times a second whether to stop.
        self._listening = await asyncio.get_running_loop().create_server(
            lambda: Protocol(config, self._state, {}), sock=self._socket, backlog=config.backlog
        )

    async def close(self) -> None:
        """Refuse connections from now on, and cut those there are."""
        if self._listening is None:
            return
        self.app.stopping = True
        self._listening.close()
        self._listening = None
        self._socket.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        tasks = list(self._state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE)


def _bound(port: int) -> socket.socket:
    """Raises OSError where the port is in use."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
    except OSError:
        made.close()
        raise
    return made
