"""The gate of a deployer's oaktree: who brings a token that the cloud's identity service knows."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import grpc
from oaktreemodel.v1.auth_pb2 import CreateTokenResponse
from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.location_pb2 import Location

from oaktree import http
from oaktree.brought import ended, showing
from oaktree.caller import Caller
from oaktree.callers import Callers, project_of
from oaktree.deployment import Deployment
from oaktree.errors import Refused, choice_needed, invalid, listed, rate_limited, unauthenticated
from oaktree.gate import Gate, Metadata, Pass, bearer
from oaktree.identity import THREADS, Identity
from oaktree.passes import Brought, Passes
from oaktree.peers import Peers
from oaktree.translate import translate

T = TypeVar("T")
CLOUD = "oaktree-cloud"
# How long the identity service may take to say whose a token is.
LOOK_SECONDS = 10.0
# How long a token is remembered as wrong, and how many are.
WRONG_SECONDS, WRONG = 30.0, 10_000
# How many tokens may be asked about at a time, in all.
ASKED = 1000
TIDY_SECONDS = 10.0
_HINT = (
    "show a token in the call's metadata, as `authorization: Bearer TOKEN`: from CreateToken, or "
    "from `openstack token issue`; clients get one by themselves, with an application credential "
    "that `oaktree login` makes"
)


class Admission(Gate):
    may_be_reached = True

    def __init__(self, deployment: Deployment) -> None:
        super().__init__()
        self._clouds = deployment.clouds
        self._default = deployment.default_cloud
        limits = deployment.limits
        self._callers = Callers(deployment.clouds, limits, self._let_go)
        # A caller may have several tokens, but not any number.
        self._passes = Passes(
            limits.callers * 4,
            limits.token_check_seconds,
            lambda one: self._ask(one.digest, one.cloud, one.token.text),
        )
        self._identities = {name: Identity(name, one) for name, one in deployment.clouds.items()}
        self._peers = Peers(limits.wrong_tokens_per_peer_per_minute)
        # By a hash of cloud and token, the oldest first: until when, and why.
        self._wrong: OrderedDict[bytes, tuple[float, Refused]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Brought]] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="identity")
        self._tidying: asyncio.TimerHandle | None = None

    def open(self, address: str) -> None:
        self._tidy()

    def describe(self) -> str:
        return f"callers of {', '.join(self._clouds)}"

    def callers(self) -> Collection[Caller]:
        return self._callers.all()

    def known(self, metadata: Metadata) -> Brought | None:
        cloud, token = self._shown(metadata)
        found = self._passes.fresh(_digest(cloud, token))
        if found is not None:
            showing.set(token)
            self._callers.touch(found.kept)
        return found

    async def admit(self, metadata: Metadata, peer: str) -> Pass:
        known = self.known(metadata)
        if known is not None:
            return known
        cloud, token = self._shown(metadata)
        digest = _digest(cloud, token)
        if self._passes.get(digest) is not None:
            found = await self._ask(digest, cloud, token)
        else:
            with self._peers.asking(peer):
                found = await self._ask(digest, cloud, token)
        if found.ended is not None and self._callers.has_let_go(found.kept):
            # Others were let in in the same moment, and it was still idle.
            raise rate_limited("too many callers come at a time for the room there is", 1.0)
        if found.ended is not None:
            raise replace(found.ended)
        showing.set(token)
        self._callers.touch(found.kept)
        return found

    async def reconsider(self, one: Pass) -> None:
        assert isinstance(one, Brought)
        await self._passes.reconsider(one)
        await super().reconsider(one)

    async def create_token(self, request: Any, peer: str) -> bytes:
        cloud = self._cloud(request.location.cloud, "location.cloud")
        exchange = self._identities[cloud].exchange
        with self._peers.asking(peer):
            token = await self._run(exchange, request.client_id, request.client_secret)
            found = await self._ask(_digest(cloud, token), cloud, token)
        seconds = max(found.until - time.monotonic(), 0.0)
        made = CreateTokenResponse(expires_in_seconds=int(seconds))
        made.token.location.CopyFrom(Location(cloud=cloud, project=project_of(found.token)))
        made.token.expires_at.FromNanoseconds(int((time.time() + seconds) * 1e9))
        made.access_token.value = token
        return made.SerializeToString()

    async def close(self, seconds: float) -> None:
        if self._tidying is not None:
            self._tidying.cancel()
        self._passes.close()
        await super().close(seconds)
        for identity in self._identities.values():
            identity.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _shown(self, metadata: Metadata) -> tuple[str, str]:
        """The cloud that a call's token is for, and the token."""
        token = bearer(metadata)
        if token is None:
            raise unauthenticated(f"the call shows no token: {_HINT}")
        named = next((value for key, value in metadata if key == CLOUD), "")
        return self._cloud(named if isinstance(named, str) else "", CLOUD), token

    def _cloud(self, named: str, where: str) -> str:
        cloud = named or self._default
        if not cloud:
            raise choice_needed(where, f"name the cloud of the token: {listed(self._clouds)}")
        if cloud not in self._clouds:
            raise invalid(
                where,
                f"there is no cloud {cloud!r}; there are {listed(self._clouds)}",
                Reason.REASON_CLOUD_UNKNOWN,
            )
        return cloud

    async def _ask(self, digest: bytes, cloud: str, token: str) -> Brought:
        """The pass of a token, about which the identity service is asked once for all that show it
        now."""
        wrong = self._wrong.get(digest)
        if wrong is not None and wrong[0] > time.monotonic():
            # A copy: a traceback would keep alive the calls of all who showed it.
            raise replace(wrong[1])
        task = self._asking.get(digest)
        if task is None:
            if len(self._asking) >= ASKED:
                raise rate_limited("too many tokens are being looked at", 1.0)
            task = asyncio.create_task(self._look(digest, cloud, token))
            self._asking[digest] = task
            task.add_done_callback(lambda done: self._asked(digest, done))
        return await asyncio.shield(task)

    def _asked(self, digest: bytes, task: asyncio.Task[Brought]) -> None:
        self._asking.pop(digest, None)
        # Nobody may be waiting any more.
        if not task.cancelled():
            task.exception()

    async def _look(self, digest: bytes, cloud: str, token: str) -> Brought:
        asked = time.monotonic()
        found = self._passes.get(digest)
        try:
            known = await self._run(self._identities[cloud].look, token)
            if known.seconds <= 0:
                raise ended()
        except Refused as refused:
            if refused.code == grpc.StatusCode.UNAUTHENTICATED:
                self._remember_wrong(digest, refused)
                if found is not None:
                    self._passes.end(found, refused)
            raise
        if found is not None and found.ended is None:
            if found.kept.identity == known.identity:
                self._passes.confirm(found, asked)
                return found
            # Its roles, or what it may do, have changed.
            self._passes.end(found, ended())
        kept = self._callers.of(known, cloud)
        made = Brought(digest, cloud, kept, known, asked)
        self._passes.add(made)
        return made

    def _remember_wrong(self, digest: bytes, why: Refused) -> None:
        # A copy: a traceback keeps alive all that was known when it was made, such as the token.
        self._wrong[digest] = (time.monotonic() + WRONG_SECONDS, replace(why))
        self._wrong.move_to_end(digest)
        while len(self._wrong) > WRONG:
            self._wrong.popitem(last=False)

    def _let_go(self, one: Pass) -> None:
        assert isinstance(one, Brought)
        self._passes.end(one, ended())

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Calls it in a thread, for no longer than who calls may be let wait."""
        reach = http.Reach(time.monotonic() + LOOK_SECONDS)
        context = contextvars.copy_context()
        context.run(http.current.set, reach)
        work = partial(context.run, partial(function, *arguments))
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await loop.run_in_executor(self._threads, work)
        except TimeoutError:
            raise Refused(
                grpc.StatusCode.UNAVAILABLE,
                Reason.REASON_CLOUD_UNREACHABLE,
                "the cloud's identity service does not say in time whose the token is",
            ) from None
        except Refused:
            raise
        except Exception as error:
            raise translate(error) from error

    def _tidy(self) -> None:
        self._callers.tidy()
        self._tidying = asyncio.get_running_loop().call_later(TIDY_SECONDS, self._tidy)


def _digest(cloud: str, token: str) -> bytes:
    """What a token is kept by: finding it takes no longer the more of it is right."""
    return hashlib.sha256(f"{cloud}\n{token}".encode(errors="replace")).digest()
