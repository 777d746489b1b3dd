"""Builds and runs the gRPC server."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    # Run as a file, Python looks for modules in this folder, where `http` would hide its own.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from oaktree import models
from oaktree.call import Server
from oaktree.clouds import Clouds
from oaktree.handlers import handlers
from oaktree.listing import Listings
from oaktree.once import Once
from oaktree.poller import Pollers
from oaktree.service import Service

LOG = logging.getLogger(__name__)
OPTIONS = [
    # Else a second server takes the same port without an error.
    ("grpc.so_reuseport", 0),
    # At the defaults a reconnect of some thousand streams is cancelled at random.
    ("grpc.server.max_pending_requests", 100_000),
    ("grpc.server.max_pending_requests_hard_limit", 100_000),
    # Requests are small; one that is not gets an answer that says which field is too large.
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
]
# How long calls get to end once the server is told to stop.
DRAIN_SECONDS = 10.0


def _local(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    if address.startswith("unix:") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Oaktree:
    """A server that can be started and stopped, within a running event loop."""

    def __init__(self, clouds: Clouds) -> None:
        listings = Listings()
        self._shared = Server(clouds, listings, Pollers(listings), Once())
        self._server = grpc.aio.server(options=OPTIONS)
        self._server.add_generic_rpc_handlers((Service(handlers(), self._shared),))
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._services = sorted({path.split("/")[1] for path in models.rpcs()})
        reflection.enable_server_reflection(
            (*self._services, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server
        )

    async def start(self, address: str) -> str:
        """Listens, and says where: a port of 0 becomes the one that was free. OSError if it is in
        use."""
        if not _local(address):
            # Whoever can reach it can spend the owner's clouds.
            raise ValueError(
                f"cannot listen on {address}: this oaktree does not ask who calls, and so serves "
                "only this machine: give 127.0.0.1:PORT, [::1]:PORT, localhost:PORT or unix:PATH"
            )
        # A socket's file is its owner's alone, whatever the mask would allow.
        mask = os.umask(0o177)
        try:
            port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(
                f"cannot listen on {address}: the port is in use, or the address is not this "
                "machine's; choose another with --listen"
            ) from error
        finally:
            os.umask(mask)
        await self._server.start()
        for name in ("", *self._services):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"

    async def stop(self, seconds: float = DRAIN_SECONDS) -> None:
        """Takes no new calls, lets those under way end, and ends the rest. Changes that are under
        way in a cloud are let end as well, for so long."""
        await self._health.enter_graceful_shutdown()
        self._shared.pollers.close()
        await self._server.stop(seconds)
        await self._shared.once.finish(seconds)
        self._shared.clouds.close()


async def serve(
    clouds: Clouds, address: str, ready: Callable[[str], None] = lambda where: None
) -> None:
    """Serves until SIGTERM or SIGINT. `ready` is told where, once it does."""
    oaktree = Oaktree(clouds)
    where = await oaktree.start(address)
    # A page of a list is some ten thousand dicts and no cycle: at the default the collector walks
    # them, and all that was imported, over and over for nothing.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    # Before anybody is told that it can be stopped.
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopped.set)
    LOG.info("serving %s on %s", ", ".join(clouds.names) or "no clouds", where)
    print(f"oaktree serves on {where}", flush=True)
    ready(where)
    await stopped.wait()
    LOG.info("stopping")
    await oaktree.stop()


if __name__ == "__main__":
    from oaktree.cli import main

    sys.exit(main(["serve", *sys.argv[1:]]))
