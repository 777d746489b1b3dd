"""Builds and runs the gRPC server."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # Run as a file, Python looks for modules in this folder, where `http` would hide its own.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from oaktree import grpclog  # noqa: F401

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from oaktree import accepting, malloc
from oaktree.errors import Refused
from oaktree.gate import Gate, Metadata
from oaktree.handlers import handlers
from oaktree.listening import problem
from oaktree.service import WITHOUT_TOKEN, Service, refuse

LOG = logging.getLogger(__name__)
OPTIONS = [
    # Else a second server takes the same port without an error.
    ("grpc.so_reuseport", 0),
    # At the defaults a reconnect of some thousand streams is cancelled at random.
    ("grpc.server.max_pending_requests", 100_000),
    ("grpc.server.max_pending_requests_hard_limit", 100_000),
    # Twice as many as a caller may have streams. Else a peer that nobody knows yet could begin any
    # number of calls on one connection, and end none.
    ("grpc.max_concurrent_streams", 20_000),
    # Requests are small; one that is not gets an answer that says which field is too large.
    ("grpc.max_receive_message_length", 1024 * 1024),
    # What may be on its way of one upload. Left to itself gRPC takes in many megabytes of each that
    # nobody waits for, and small calls come after them.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 768 * 1024),
    # Whoever pings more often than any of our clients is cut off.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    # A peer that is gone without a word must not keep its streams.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # How long a peer may take to say who it is, in TLS and HTTP/2.
    ("grpc.server_handshake_timeout_ms", 20_000),
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


def _hosts(host: str) -> list[str]:
    """What to listen on where a host of this machine is asked for: on all that `localhost` may
    stand for. Clients that say so try one after the other, and show a token to whoever answers;
    were that somebody else, he could use it here."""
    found = []
    for family, loopback in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        # A machine need not have both.
        with contextlib.suppress(OSError), socket.socket(family) as tried:
            tried.bind((loopback, 0))
            found.append(ipaddress.ip_address(loopback))
    if host != "localhost":
        asked = ipaddress.ip_address(host.strip("[]"))
        found = [asked, *(one for one in found if one != asked)]
    return [f"[{one}]" if one.version == 6 else str(one) for one in found]


class _Reflection(reflection.aio.ReflectionServicer):  # type: ignore[misc]
    """Tells what there is to call to who may call it."""

    def __init__(self, names: Sequence[str], gate: Gate) -> None:
        super().__init__(names)
        self._gate = gate

    async def ServerReflectionInfo(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        try:
            await self._gate.admit(context.invocation_metadata(), context.peer())
        except Refused as refused:
            await refuse(context, refused)
        async for response in super().ServerReflectionInfo(requests, context):
            yield response


class Oaktree:
    """A server that can be started and stopped, within a running event loop."""

    def __init__(self, gate: Gate, tls: grpc.ServerCredentials | None = None) -> None:
        """Without `tls` it speaks plaintext, and so to this machine alone."""
        self._gate = gate
        self._tls = tls
        self._server = accepting.server(OPTIONS, self._admit)
        service = Service(handlers(), gate)
        for name, methods in service.methods.items():
            self._server.add_registered_method_handlers(name, methods)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._services = sorted(service.methods)
        shown = (*self._services, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(
            _Reflection(shown, gate), self._server
        )

    async def _admit(self, path: str, metadata: Metadata, peer: str) -> bool:
        if path.startswith(f"/{health.SERVICE_NAME}/") or path.rpartition("/")[2] in WITHOUT_TOKEN:
            return False
        await self._gate.admit(metadata, peer)
        return True

    async def start(self, address: str) -> str:
        """Listens, and says where: a port of 0 becomes the one that was free. OSError if it is in
        use."""
        if not _local(address) and not self._gate.may_be_reached:
            # Whoever can reach it can spend the owner's clouds.
            raise ValueError(
                f"cannot listen on {address}: one's own oaktree serves only this machine: give "
                "127.0.0.1:PORT, [::1]:PORT, localhost:PORT or unix:PATH; for others to call, "
                "serve with --config"
            )
        if not _local(address) and self._tls is None:
            raise ValueError(
                f"cannot listen on {address}: tokens would travel in plaintext; give a certificate "
                "and its key, as tls.certificate and tls.key in the file of --config"
            )
        # A socket's file is its owner's alone, whatever the mask would allow.
        mask = os.umask(0o177)
        try:
            where = self._listen(address)
        finally:
            os.umask(mask)
        self._gate.open(where)
        await self._server.start()
        for name in ("", *self._services):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return where

    def _listen(self, address: str) -> str:
        if address.startswith("unix:"):
            self._bind(address)
            return address
        host, _, port = address.rpartition(":")
        # gRPC itself would be content with one of several.
        for name in [host] if self._tls is not None else _hosts(host):
            port = self._bind(f"{name}:{port}")
        return f"{host}:{port}"

    def _bind(self, address: str) -> str:
        """The port; of a socket, nothing of use."""
        try:
            if self._tls is None:
                return str(self._server.add_insecure_port(address))
            return str(self._server.add_secure_port(address, self._tls))
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}: {problem(address)}") from error

    async def ended(self) -> None:
        """Waits until it serves no more; raises what ended it, if it was not stopped."""
        await self._server.wait_for_termination()

    async def stop(self, seconds: float = DRAIN_SECONDS) -> None:
        """Takes no new calls, lets those under way end, and ends the rest. Changes that are under
        way in a cloud are let end as well, for so long."""
        await self._health.enter_graceful_shutdown()
        self._gate.end_streams()
        await self._server.stop(seconds)
        await self._gate.close(seconds)


async def serve(
    gate: Gate,
    address: str,
    *,
    tls: grpc.ServerCredentials | None = None,
    ready: Callable[[str], None] = lambda where: None,
) -> None:
    """Serves until SIGTERM or SIGINT. `ready` is told where, once it does. Raises what
    gRPC's server failed with, if that ends by itself."""
    oaktree = Oaktree(gate, tls)
    where = await oaktree.start(address)
    # A page of a list is some ten thousand dicts and no cycle: at the default the collector walks
    # them, and all that was imported, over and over for nothing.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    malloc.keep()
    # Before anybody is told that it can be stopped.
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopped.set)
    LOG.info("serving %s on %s", gate.describe(), where)
    print(f"oaktree serves on {where}", flush=True)
    ready(where)
    ended = asyncio.create_task(oaktree.ended())
    told = asyncio.create_task(stopped.wait())
    await asyncio.wait((ended, told), return_when=asyncio.FIRST_COMPLETED)
    LOG.info("stopping")
    await oaktree.stop()
    told.cancel()
    # Whoever started a server that is none any more has to learn of it.
    await ended


if __name__ == "__main__":
    from oaktree.cli import main

    sys.exit(main(["serve", *sys.argv[1:]]))
