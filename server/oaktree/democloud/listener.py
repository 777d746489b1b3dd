"""One cloud's HTTP server on a loopback port, which can go away and come back."""

import asyncio
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .app import Application
from .cloud import Cloud


class Protocol(HttpToolsProtocol):
    """Hands the connection to the application, whose faults cut it."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


class Listener:
    def __init__(self, cloud: Cloud, port: int) -> None:
        self.cloud = cloud
        self.app = Application(cloud)
        self._socket = _bound(port)
        self.port: int = self._socket.getsockname()[1]
        cloud.address = f"http://127.0.0.1:{self.port}"
        self._server: Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def open(self) -> None:
        if self._server is not None:
            return
        if self._socket.fileno() < 0:
            self._socket = _bound(self.port)
        self.app.stopping = False
        self._server = Server(
            uvicorn.Config(
                self.app,
                http=Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                # Longer than a client's poll, so that its connections last.
                timeout_keep_alive=120,
                timeout_graceful_shutdown=1,
            )
        )
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        await self._server.up.wait()

    async def close(self) -> None:
        """Refuse connections from now on, and cut those there are."""
        if self._server is None or self._serving is None:
            return
        self.app.stopping = True
        for listening in self._server.servers:
            listening.close()
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        self._server.should_exit = True
        await self._serving
        self._server = self._serving = None
        self._socket.close()


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
