"""Calls to an oaktree, of many callers: what each of them is told is looked at."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from oaktree.democloud import DemoCloud
from oaktree.models import message_class, rpcs
from oaktreemodel.v1.auth_pb2 import CreateTokenRequest, CreateTokenResponse
from oaktreemodel.v1.watch_pb2 import WatchMark

from .deployed import Deployed, showing
from .tenants import Tenant

Code = grpc.StatusCode
CHANNELS = 4
# How often a call is sent again that a restart or the end of a token broke off.
ATTEMPTS = 40
RPCS = {rpc.name: rpc for rpc in rpcs().values()}
# What no call may end with, whatever is asked; and what a part of a list that fails so says.
FAULTS = (Code.INTERNAL, Code.UNKNOWN)
FAULT = b"a fault of oaktree"


class Asking:
    """Calls of many callers, over the same few channels, each looked at for what is not its
    caller's."""

    def __init__(
        self, deployed: Deployed, demo: DemoCloud, everybody: list[Tenant], seed: int
    ) -> None:
        self.deployed = deployed
        self.demo = demo
        self.everybody = everybody
        self.wrong: list[str] = []
        self.codes: Counter[str] = Counter()
        self.calls = 0
        self.dice = random.Random(seed)
        self._renewing = {tenant: asyncio.Lock() for tenant in everybody}
        self.stubs: dict[tuple[str, int], Callable[..., Any]] = {}

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Each of the channels is many callers'."""
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 500),
        ]
        channels = [
            grpc.aio.insecure_channel(self.deployed.address, options=options)
            for _ in range(CHANNELS)
        ]
        for name, rpc in RPCS.items():
            for number, channel in enumerate(channels):
                make = channel.unary_stream if rpc.streams else channel.unary_unary
                self.stubs[name, number] = make(rpc.path)
        yield
        await asyncio.gather(*(channel.close() for channel in channels))

    # One call.

    async def ask(
        self, tenant: Tenant, name: str, request: Any, *, own: bool | None = None
    ) -> bytes:
        """What is answered, in the end; empty if it is refused. `own`: it must be answered, or if
        false must be refused."""
        for _ in range(ATTEMPTS):
            shown = tenant.metadata
            code, told = await self._once(tenant, name, request)
            if code == Code.UNAUTHENTICATED:
                await self.renew(tenant, shown)
            elif code in (Code.UNAVAILABLE, Code.CANCELLED):
                await asyncio.sleep(0.1)
            else:
                break
        if own is not None and (code == Code.OK) is not own:
            self.wrong.append(f"{tenant}: {name} got {code.name}: {told[:300]!r}")
        return told if code == Code.OK else b""

    def begin(self, tenant: Tenant, name: str, data: bytes, timeout: float | None = None) -> Any:
        stub = self.stubs[name, tenant.number % CHANNELS]
        return stub(data, metadata=tenant.metadata, timeout=timeout)

    async def _once(self, tenant: Tenant, name: str, request: Any) -> tuple[grpc.StatusCode, bytes]:
        call = self.begin(tenant, name, request.SerializeToString(), timeout=60)
        told: list[bytes] = []
        code = Code.OK
        try:
            if RPCS[name].streams:
                async for response in call:
                    told.append(response)
                    if name.startswith("Watch") and _is_whole(name, response):
                        call.cancel()
                        break
            else:
                told.append(await call)
        except grpc.aio.AioRpcError as error:
            code = error.code()
            told += texts(error)
        self.check(tenant, name, code, told)
        return code, b"".join(told)

    def check(self, tenant: Tenant, name: str, code: grpc.StatusCode, told: list[bytes]) -> None:
        self.calls += 1
        self.codes[code.name] += 1
        for leak in tenant.leaks(b"".join(told)):
            self.wrong.append(f"{tenant}: {name} ({code.name}) told of {leak}")
        if code in FAULTS or any(FAULT in one for one in told):
            self.wrong.append(f"{tenant}: {name} got {code.name}: {told[-2:]!r}")

    async def renew(self, tenant: Tenant, shown: Any = None) -> None:
        """A new token, unless what was shown is not the newest any more."""
        async with self._renewing[tenant]:
            if tenant.metadata != shown and shown is not None:
                return
            if tenant.credential is None:
                token = await asyncio.to_thread(self.deployed.token, tenant.user, tenant.project)
            else:
                name, secret = tenant.credential
                request = CreateTokenRequest(client_id=name, client_secret=secret)
                code, told = Code.UNAVAILABLE, b""
                while code == Code.UNAVAILABLE:
                    code, told = await self._once(tenant, "CreateToken", request)
                token = CreateTokenResponse.FromString(told).access_token.value
            tenant.metadata = showing(token)


def texts(error: grpc.aio.AioRpcError) -> list[bytes]:
    """All that an error says."""
    said: list[str | bytes] = [error.details() or ""]
    said += [value for _, value in error.trailing_metadata() or ()]
    return [one.encode() if isinstance(one, str) else one for one in said]


def _is_whole(name: str, data: bytes) -> bool:
    response: Any = message_class(f"{name}Response").FromString(data)
    return bool(response.mark == WatchMark.WATCH_MARK_SYNCED)
