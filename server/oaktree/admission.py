"""The gate of a deployer's oaktree: who brings a token that the cloud's identity service knows."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import grpc
from keystoneauth1.access import AccessInfo
from oaktreemodel.v1.auth_pb2 import CreateTokenResponse
from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.location_pb2 import Location, Project

from oaktree import http
from oaktree.brought import ended, showing
from oaktree.caller import Caller
from oaktree.callers import Callers, Kept
from oaktree.deployment import Deployment
from oaktree.errors import Refused, choice_needed, invalid, listed, rate_limited, unauthenticated
from oaktree.gate import Gate, Metadata, Pass, bearer
from oaktree.identity import THREADS, Identity, Known
from oaktree.peers import Peers
from oaktree.translate import translate

LOG = logging.getLogger(__name__)
T = TypeVar("T")
CLOUD = "oaktree-cloud"
# How long the identity service may take to say whose a token is.
LOOK_SECONDS = 10.0
# How long a token is remembered as wrong, and how many are.
WRONG_SECONDS, WRONG = 30.0, 10_000
# How many tokens may be asked about at a time, in all.
ASKED = 1000
# Between questions about a token that a cloud does not take and its identity service does: it is
# under rules.
DOUBT_SECONDS = 5.0
TIDY_SECONDS = 10.0
_HINT = (
    "show a token in the call's metadata, as `authorization: Bearer TOKEN`: from CreateToken, or "
    "from `openstack token issue`; clients get one by themselves, with an application credential "
    "that `oaktree login` makes"
)


class Brought(Pass):
    """A token that the identity service has answered for."""

    def __init__(self, digest: bytes, cloud: str, kept: Kept, known: Known, asked: float) -> None:
        super().__init__(kept.caller)
        self.digest = digest
        self.cloud = cloud
        self.kept = kept
        self.token = known.token
        # When the identity service was last asked, and until when the token is good, both on the
        # monotonic clock.
        self.asked = asked
        self.until = asked + known.seconds
        # When it was last asked because a cloud had refused it.
        self.doubted = float("-inf")
        self.timer: asyncio.TimerHandle | None = None
        self.again: asyncio.Task[None] | None = None

    def doubt_seconds(self) -> float:
        """How long until it may be asked for that reason again."""
        return max(self.doubted + DOUBT_SECONDS - time.monotonic(), 0.0)


class Admission(Gate):
    may_be_reached = True

    def __init__(self, deployment: Deployment) -> None:
        super().__init__()
        self._clouds = deployment.clouds
        self._default = deployment.default_cloud
        self._check_seconds = float(deployment.limits.token_check_seconds)
        # A caller may have several tokens, but not any number.
        self._most = deployment.limits.callers * 4
        self._callers = Callers(deployment.clouds, deployment.limits, self._let_go)
        self._identities = {name: Identity(name, one) for name, one in deployment.clouds.items()}
        self._peers = Peers(deployment.limits.wrong_tokens_per_peer_per_minute)
        # By a hash of cloud and token: those heard of last are at the end.
        self._known: OrderedDict[bytes, Brought] = OrderedDict()
        self._wrong: OrderedDict[bytes, tuple[float, Refused]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Brought]] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="identity")
        self._tidying: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self, address: str) -> None:
        super().open(address)
        self._loop = asyncio.get_running_loop()
        self._tidy()

    def describe(self) -> str:
        return f"callers of {', '.join(self._clouds)}"

    def callers(self) -> Collection[Caller]:
        return self._callers.all()

    def known(self, metadata: Metadata) -> Brought | None:
        cloud, token = self._shown(metadata)
        found = self._known.get(_digest(cloud, token))
        now = time.monotonic()
        if found is None or found.until <= now or now - found.asked >= self._check_seconds:
            return None
        showing.set(token)
        self._callers.touch(found.kept)
        return found

    async def admit(self, metadata: Metadata, peer: str) -> Pass:
        known = self.known(metadata)
        if known is not None:
            return known
        cloud, token = self._shown(metadata)
        found = await self._ask(cloud, token, peer)
        showing.set(token)
        return found

    async def reconsider(self, one: Pass) -> None:
        assert isinstance(one, Brought)
        if one.again is None and one.ended is None and not one.doubt_seconds():
            self._look_again(one)
        if one.again is not None:
            await asyncio.shield(one.again)
        await super().reconsider(one)

    async def create_token(self, request: Any, peer: str) -> bytes:
        cloud = self._cloud(request.location.cloud, "location.cloud")
        self._peers.check(peer)
        identity = self._identities[cloud]
        try:
            token = await self._run(identity.exchange, request.client_id, request.client_secret)
        except Refused as refused:
            if refused.code == grpc.StatusCode.UNAUTHENTICATED:
                self._peers.wrong(peer)
            raise
        found = await self._ask(cloud, token, peer)
        seconds = max(found.until - time.monotonic(), 0.0)
        made = CreateTokenResponse(expires_in_seconds=int(seconds))
        made.token.location.CopyFrom(Location(cloud=cloud, project=_project(found.token.access)))
        made.token.expires_at.FromNanoseconds(int((time.time() + seconds) * 1e9))
        made.access_token.value = token
        return made.SerializeToString()

    async def close(self, seconds: float) -> None:
        if self._tidying is not None:
            self._tidying.cancel()
        for one in self._known.values():
            if one.timer is not None:
                one.timer.cancel()
            if one.again is not None:
                one.again.cancel()
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

    async def _ask(self, cloud: str, token: str, peer: str = "") -> Brought:
        """The pass of a token, about which the identity service is asked once for all that show it
        now. A peer that shows wrong ones is not let ask for long."""
        digest = _digest(cloud, token)
        wrong = self._wrong.get(digest)
        if wrong is not None and wrong[0] > time.monotonic():
            if peer:
                self._peers.check(peer)
                self._peers.wrong(peer)
            raise wrong[1]
        if peer and digest not in self._known:
            self._peers.check(peer)
        task = self._asking.get(digest)
        if task is None:
            if len(self._asking) >= ASKED:
                raise rate_limited("too many tokens are being looked at", 1.0)
            task = asyncio.create_task(self._look(digest, cloud, token))
            self._asking[digest] = task
            task.add_done_callback(lambda done: self._asked(digest, done))
        try:
            return await asyncio.shield(task)
        except Refused as refused:
            if peer and refused.code == grpc.StatusCode.UNAUTHENTICATED:
                self._peers.wrong(peer)
            raise

    def _asked(self, digest: bytes, task: asyncio.Task[Brought]) -> None:
        self._asking.pop(digest, None)
        if not task.cancelled():
            task.exception()

    async def _look(self, digest: bytes, cloud: str, token: str) -> Brought:
        asked = time.monotonic()
        try:
            known = await self._run(self._identities[cloud].look, token)
            if known.seconds <= 0:
                raise ended()
        except Refused as refused:
            if refused.code == grpc.StatusCode.UNAUTHENTICATED:
                self._remember_wrong(digest, refused)
            raise
        found = self._known.get(digest)
        if found is not None and found.kept.identity == known.identity:
            found.asked, found.is_doubted = asked, False
        else:
            if found is not None:
                # Its roles, or what it may do, have changed.
                self._end(found, ended())
            kept = self._callers.of(known.identity, cloud, _project(known.token.access))
            found = self._let_in(Brought(digest, cloud, kept, known, asked))
        self._watch_over(found)
        return found

    def _let_in(self, one: Brought) -> Brought:
        self._known[one.digest] = one
        one.kept.tokens.add(one.token, partial(self._doubted, one))
        one.kept.passes.add(one)
        while len(self._known) > self._most:
            idle = next((other for other in self._known.values() if not other.streams), None)
            if idle is None or idle is one:
                break
            self._end(idle, ended())
        return one

    def _remember_wrong(self, digest: bytes, why: Refused) -> None:
        self._wrong[digest] = (time.monotonic() + WRONG_SECONDS, why)
        self._wrong.move_to_end(digest)
        while len(self._wrong) > WRONG:
            self._wrong.popitem(last=False)
        found = self._known.get(digest)
        if found is not None:
            self._end(found, why)

    def _let_go(self, one: Pass) -> None:
        assert isinstance(one, Brought)
        self._end(one, ended())

    def _end(self, one: Brought, why: Refused) -> None:
        one.kept.passes.discard(one)
        if self._known.get(one.digest) is one:
            del self._known[one.digest]
        one.kept.tokens.drop(one.token)
        if one.timer is not None:
            one.timer.cancel()
        one.end(why)

    def _doubted(self, one: Brought) -> None:
        """A cloud has answered 401; told by one of its threads."""
        one.is_doubted = True
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._watch_over, one, one.doubt_seconds())

    def _watch_over(self, one: Brought, pause: float | None = None) -> None:
        """Looks at a token again in time: at its end, and while it has streams as often as for
        calls, since nobody else would."""
        if one.timer is not None:
            one.timer.cancel()
        now = time.monotonic()
        wait = min(one.until - now, self._check_seconds if pause is None else pause)
        assert self._loop is not None
        one.timer = self._loop.call_later(max(wait, 0.0), self._look_after, one)

    def _look_after(self, one: Brought) -> None:
        one.timer = None
        if one.ended is not None:
            return
        if one.until <= time.monotonic():
            self._end(one, ended())
        elif one.streams or one.is_doubted:
            self._look_again(one)
        else:
            self._watch_over(one)

    def _look_again(self, one: Brought) -> None:
        if one.again is None:
            one.again = asyncio.create_task(self._again(one))

    async def _again(self, one: Brought) -> None:
        """Asks about a token again. It goes on if the identity service does not answer: until it
        has said otherwise, the streams stay."""
        if one.is_doubted:
            one.doubted = time.monotonic()
        try:
            await self._ask(one.cloud, one.token.text)
        except Refused as refused:
            if one.ended is None:
                LOG.info("a token could not be looked at again: %s", refused.code.name)
                self._watch_over(one, DOUBT_SECONDS)
        finally:
            one.again = None

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
        assert self._loop is not None
        self._tidying = self._loop.call_later(TIDY_SECONDS, self._tidy)


def _digest(cloud: str, token: str) -> bytes:
    """What a token is kept by: finding it takes no longer the more of it is right."""
    return hashlib.sha256(f"{cloud}\n{token}".encode(errors="replace")).digest()


def _project(found: AccessInfo) -> Project:
    return Project(
        id=found.project_id or "",
        name=found.project_name or "",
        domain_id=found.project_domain_id or "",
        domain_name=found.project_domain_name or "",
    )
