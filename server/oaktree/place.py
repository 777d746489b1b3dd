"""Places: a cloud's region seen from one project. What calls go to, and where their threads are."""

from __future__ import annotations

import asyncio
import contextvars
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

import grpc
from keystoneauth1.access import AccessInfo
from keystoneauth1.exceptions import EndpointNotFound, Unauthorized
from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.location_pb2 import Location, Project
from openstack import exceptions, proxy
from openstack.config.cloud_region import CloudRegion
from openstack.connection import Connection

from oaktree import http, renewal
from oaktree.brought import BroughtTokens
from oaktree.budget import Budget, Turn
from oaktree.errors import Refused, service_absent, unversioned
from oaktree.translate import address, translate

P = ParamSpec("P")
T = TypeVar("T")
_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# As many a place may have at a time, so that one cloud that hangs holds up nobody else's calls; all
# places take them from one pool, since most of them do nothing most of the time.
THREADS = 8
# So many transfers of images and objects have a thread each beside them.
CARRIERS = 32
_POOL = ThreadPoolExecutor(4096, thread_name_prefix="place")


class _Connected:
    """A connection, and what of it is in use: forgotten together."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        # The services in use, and where they are.
        self.ready: dict[str, str] = {}
        self._making: dict[str, threading.Lock] = {}

    def making(self, service: str) -> threading.Lock:
        """openstacksdk makes its proxies without a lock. One a service: one that hangs while it is
        discovered must not hold up the others."""
        return self._making.setdefault(service, threading.Lock())


class Place:
    """One region of one cloud, seen from one project: what a call goes to.

    It connects on first use and again after a failure, so that a cloud that is down at start, or
    comes back elsewhere, is no case of its own.
    """

    def __init__(
        self,
        cloud: str,
        region: str,
        config: CloudRegion,
        budget: Budget,
        project: Project | None = None,
    ) -> None:
        """`budget` is the cloud's, shared by all its places. The project is told by the cloud where
        it is not known before."""
        self.cloud = cloud
        self.region = region
        self.config = config
        self.budget = budget
        self.project = project or Project()
        # When the last change that went through here was over, on the monotonic clock: no read may
        # show what was before it.
        self.changed = float("-inf")
        # How far what belongs to no call reaches: to the end of this oaktree.
        self._background = http.Reach()
        self._lock = threading.RLock()
        self._connected: _Connected | None = None
        self._scoped: dict[tuple[str, ...], Place] = {}
        self._kept: dict[str, tuple[float, Any]] = {}
        self._states: dict[type[Any], Any] = {}
        self._threads = asyncio.Semaphore(THREADS)
        self._carriers = asyncio.Semaphore(CARRIERS)
        renewal.let_everybody_try_again(config.get_auth())

    def __repr__(self) -> str:
        return f"<Place {self.cloud}/{self.region}>"

    def location(self) -> Location:
        return Location(cloud=self.cloud, region=self.region, project=self.project)

    async def run(
        self, reach: http.Reach | None, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Calls the function in one of the place's threads, within the call's reach. Whatever it
        raises becomes a Refused that says where."""
        if self._threads.locked():
            # Nobody is free to find out that there is no time to wait for the cloud's limits.
            self.check_turn(reach)
        return await self._work(self._threads, reach, partial(function, *args, **kwargs))

    async def carry(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `run`, for what moves the bytes of an image or object: it takes long, has threads of
        its own, has no deadline but its caller's patience, and is cut when its caller leaves."""
        reach = http.Reach(carries=True)

        def work() -> T:
            try:
                return function(*args, **kwargs)
            finally:
                reach.leave()

        return await self._work(self._carriers, reach, work)

    async def _work(
        self, threads: asyncio.Semaphore, reach: http.Reach | None, function: Callable[[], T]
    ) -> T:
        context = contextvars.copy_context()
        context.run(http.current.set, reach or self._background)
        await threads.acquire()
        work = asyncio.get_running_loop().run_in_executor(_POOL, partial(context.run, function))
        work.add_done_callback(lambda done: threads.release())
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if reach is not None:
                reach.cancel()
            # Nobody waits any more for how it ends.
            work.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise
        except Exception as error:
            refused = translate(error)
            service = self._service_at(address(error))
            raise refused.at(cloud=self.cloud, region=self.region, service=service) from error

    def check_turn(self, reach: http.Reach | None) -> None:
        """RESOURCE_EXHAUSTED, at once, if the cloud cannot be asked in the time a call has left."""
        turn = Turn.READ if reach is None else reach.turn
        try:
            self.budget.check(turn, http.turn_seconds(reach))
        except Refused as refused:
            raise refused.at(cloud=self.cloud, region=self.region) from None

    def close(self) -> None:
        """Cuts what is still read for no call, and who waits for a turn: Python waits for threads
        when it ends."""
        self._background.cancel()
        self.budget.end()
        self.hang_up()
        for place in self._scoped.values():
            if place is not self:
                place.close()

    def hang_up(self) -> None:
        """Closes the connections that are open for nothing; they are made again when needed."""
        connected = self._connected
        if connected is not None:
            connected.connection.session.session.close()

    def _service_at(self, url: str) -> str:
        """The service that an address belongs to; empty if it is none of those in use."""
        ready = self._connected.ready if self._connected is not None else {}
        return next((name for name, at in tuple(ready.items()) if url.startswith(at)), "")

    # What follows runs in threads.

    def _note_change(self) -> None:
        self.changed = time.monotonic()

    def connection(self) -> Connection:
        return self._connect_once().connection

    def _connect_once(self) -> _Connected:
        with self._lock:
            if self._connected is None:
                self._connected = _Connected(self._connect())
            return self._connected

    def _connect(self) -> Connection:
        made = Connection(config=self.config, strict_proxies=True)
        # Its cache serves stale answers and is not safe in threads.
        made.cache_enabled = False
        keystone_session = made.session
        # It outlives the connection, and others may be sending with it just now.
        if not isinstance(keystone_session.session.get_adapter("http://"), http.BoundedAdapter):
            transport = http.BoundedAdapter(
                self.budget, self._note_change, pool_maxsize=THREADS + CARRIERS
            )
            for scheme in ("http://", "https://"):
                keystone_session.session.mount(scheme, transport)
        access = self._access(keystone_session)
        self.project = Project(
            id=access.project_id or "",
            name=access.project_name or "",
            domain_id=access.project_domain_id or "",
            domain_name=access.project_domain_name or "",
        )
        return made

    @staticmethod
    def _access(session: Any) -> AccessInfo:
        access: AccessInfo = session.auth.get_access(session)
        return access

    def catalog(self) -> AccessInfo:
        """What the token says of the caller and the catalog, once the identity service has
        answered: a token at hand says nothing of whether the cloud is there now."""
        session: Any = self.connection().session
        session.get(session.auth.auth_url, authenticated=False, raise_exc=False)
        return self._access(session)

    def service(self, name: str) -> proxy.Proxy:
        """openstacksdk's proxy of a service, such as "compute"; SERVICE_ABSENT if the region's
        catalog has none."""
        connected = self._connect_once()
        making = connected.making(name)
        reach = http.current.get() or self._background
        if not making.acquire(timeout=reach.seconds_left()):
            # Whoever is at it has got no answer for as long.
            reach.seconds_left()
            raise unversioned(name)
        try:
            made: proxy.Proxy = getattr(connected.connection, name)
            if name not in connected.ready:
                if made.get_endpoint_data() is None:
                    raise EndpointNotFound
                # Retries are oaktree's, which knows how long its caller waits; openstacksdk sleeps.
                made.status_code_retries = 0
                connected.ready[name] = str(made.get_endpoint() or "")
            return made
        except (EndpointNotFound, exceptions.ServiceDisabledException) as error:
            raise service_absent(name) from error
        except (exceptions.NotSupported, exceptions.ServiceDiscoveryException) as error:
            # What a service that is down looks like to openstacksdk: no versions at all.
            self._forget(connected)
            raise unversioned(name) from error
        except Exception:
            self._forget(connected)
            raise
        finally:
            making.release()

    def kept(self, what: str, seconds: float, read: Callable[[], T]) -> T:
        """What was read of the place no longer than so many seconds ago, or is read now."""
        known = self._kept.get(what)
        if known is not None and time.monotonic() - known[0] < seconds:
            found: T = known[1]
            return found
        asked = time.monotonic()
        found = read()
        self._kept[what] = (asked, found)
        return found

    def state(self, kind: type[T]) -> T:
        """The place's own object of a class: what a module has to remember of it."""
        found: T | None = self._states.get(kind)
        return self._states.setdefault(kind, kind()) if found is None else found

    def has_service(self, name: str) -> bool:
        try:
            self.service(name)
        except Refused as refused:
            if refused.reason == Reason.REASON_SERVICE_ABSENT:
                return False
            raise
        return True

    def _forget(self, connected: _Connected) -> None:
        """Connects anew at the next use: what a connection has found out stays with it for good."""
        with self._lock:
            if self._connected is connected:
                self._connected = None

    def scoped(self, project: Project) -> Place:
        """The same region seen from another project of the same user: one place a project, however
        it is named."""
        if isinstance(self.config.get_auth(), BroughtTokens):
            raise Refused(
                grpc.StatusCode.PERMISSION_DENIED,
                Reason.REASON_POLICY_FORBIDS,
                f"the call's token is for the project {self.project.name or self.project.id!r} and "
                "no other; show a token of the project that location.project names",
            )
        key = (project.id, project.name, project.domain_id, project.domain_name)
        with self._lock:
            if key not in self._scoped:
                auth = {
                    "project_id": project.id or None,
                    "project_name": project.name or None,
                    "project_domain_id": project.domain_id or None,
                    "project_domain_name": project.domain_name or None,
                }
                if not project.id and not (project.domain_id or project.domain_name):
                    own = self.connection().config.config.get("auth", {})
                    auth["project_domain_id"] = own.get("project_domain_id")
                    auth["project_domain_name"] = own.get("project_domain_name")
                config = self.connection().connect_as(**auth).config
                scoped = Place(self.cloud, self.region, config, self.budget)
                # Kept only if there is such a project for this user.
                try:
                    scoped.connection()
                except Unauthorized as error:
                    named = project.name or project.id
                    raise Refused(
                        grpc.StatusCode.PERMISSION_DENIED,
                        Reason.REASON_POLICY_FORBIDS,
                        f"the cloud gives no token for the project {named!r}: there is none, or "
                        "the user of the cloud's entry has no role in it",
                    ) from error
                known = (self, *self._scoped.values())
                same = (place for place in known if place.project.id == scoped.project.id)
                self._scoped[key] = next(same, scoped)
            return self._scoped[key]


async def place_for(place: Place, location: Location) -> Place:
    """The place as seen from the project that the request asks for."""
    if not location.HasField("project") or not (location.project.id or location.project.name):
        return place
    wanted = Project()
    wanted.CopyFrom(location.project)
    if not wanted.id and _ID.fullmatch(wanted.name):
        # Wrappers take a name or an id in one argument.
        wanted.id, wanted.name = wanted.name, ""
    if _is(place.project, wanted):
        return place
    return await place.run(None, place.scoped, wanted)


def _is(project: Project, wanted: Project) -> bool:
    """Whether a project is the one that a request names."""
    if wanted.id or not project.id:
        return bool(wanted.id) and wanted.id == project.id
    # In two domains there may be two of one name.
    return (
        wanted.name == project.name
        and wanted.domain_id in ("", project.domain_id)
        and wanted.domain_name in ("", project.domain_name)
    )
