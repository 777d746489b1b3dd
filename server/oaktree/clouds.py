"""The clouds of clouds.yaml, and the places (cloud, region, project) that calls go to."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

import grpc
from keystoneauth1.access import AccessInfo
from keystoneauth1.exceptions import AuthPluginException, EndpointNotFound
from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.location_pb2 import Location, Project
from openstack import exceptions, proxy
from openstack.config import OpenStackConfig
from openstack.config.cloud_region import CloudRegion
from openstack.connection import Connection

from oaktree import http
from oaktree.budget import RATE, Budget
from oaktree.errors import Refused, choice_needed, invalid, service_absent
from oaktree.translate import translate

LOG = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A place's own, so that one cloud that hangs holds up nobody else's calls.
THREADS = 8


class Place:
    """One region of one cloud, seen from one project: what a call goes to.

    It connects on first use and again after a failure, so that a cloud that is down at start, or
    comes back elsewhere, is no case of its own.
    """

    def __init__(self, cloud: str, region: str, config: CloudRegion, budget: Budget) -> None:
        """`budget` is the cloud's, shared by all its places."""
        self.cloud = cloud
        self.region = region
        self.config = config
        self.budget = budget
        self.project = Project()
        # When the last change that went through here was over, on the monotonic clock: no read may
        # show what was before it.
        self.changed = float("-inf")
        # How far what belongs to no call reaches: to the end of this oaktree.
        self._background = http.Reach()
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        # The services in use, and where they are.
        self._ready: dict[str, str] = {}
        self._scoped: dict[tuple[str, ...], Place] = {}
        self._kept: dict[str, tuple[float, Any]] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"{cloud}/{region}")

    def __repr__(self) -> str:
        return f"<Place {self.cloud}/{self.region}>"

    def location(self) -> Location:
        return Location(cloud=self.cloud, region=self.region, project=self.project)

    async def run(
        self, reach: http.Reach | None, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Calls the function in one of the place's threads, within the call's reach. Whatever it
        raises becomes a Refused that says where."""
        context = contextvars.copy_context()
        context.run(http.current.set, reach or self._background)
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, partial(context.run, partial(function, *args, **kwargs))
        )
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
            service = self._service_at(_address(error))
            raise refused.at(cloud=self.cloud, region=self.region, service=service) from error

    def close(self) -> None:
        """Cuts what is still read for no call: Python waits for threads when it ends."""
        self._background.cancel()
        for place in self._scoped.values():
            if place is not self:
                place.close()

    def _service_at(self, url: str) -> str:
        """The service that an address belongs to; empty if it is none of those in use."""
        return next((name for name, at in tuple(self._ready.items()) if url.startswith(at)), "")

    # What follows runs in threads.

    def _note_change(self) -> None:
        self.changed = time.monotonic()

    def connection(self) -> Connection:
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            return self._connection

    def _connect(self) -> Connection:
        made = Connection(config=self.config, strict_proxies=True)
        # Its cache serves stale answers and is not safe in threads.
        made.cache_enabled = False
        keystone_session = made.session
        # It outlives the connection, and others may be sending with it just now.
        if not isinstance(keystone_session.session.get_adapter("http://"), http.BoundedAdapter):
            transport = http.BoundedAdapter(self.budget, self._note_change, pool_maxsize=THREADS)
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
        catalog has none. Made under a lock, since openstacksdk makes them without."""
        with self._lock:
            conn = self.connection()
            try:
                made: proxy.Proxy = getattr(conn, name)
                if name not in self._ready:
                    self._check(made, name)
            except (EndpointNotFound, exceptions.ServiceDisabledException) as error:
                raise service_absent(name) from error
            except exceptions.NotSupported as error:
                # What a service that is down looks like to openstacksdk: no versions at all.
                self.forget()
                raise Refused(
                    grpc.StatusCode.UNAVAILABLE,
                    Reason.REASON_CLOUD_UNREACHABLE,
                    f"the {name} service does not say which versions it speaks",
                    {"service": name},
                ) from error
            except Exception:
                self.forget()
                raise
            return made

    def _check(self, made: proxy.Proxy, name: str) -> None:
        if made.get_endpoint_data() is None:
            raise EndpointNotFound
        # Retries are oaktree's, which knows how long its caller waits; openstacksdk sleeps.
        made.status_code_retries = 0
        self._ready[name] = str(made.get_endpoint() or "")

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

    def has_service(self, name: str) -> bool:
        try:
            self.service(name)
        except Refused as refused:
            if refused.reason == Reason.REASON_SERVICE_ABSENT:
                return False
            raise
        return True

    def forget(self) -> None:
        """Connects anew at the next use: what a connection has found out stays with it for good."""
        with self._lock:
            self._connection = None
            self._ready.clear()

    def scoped(self, project: Project) -> Place:
        """The same region seen from another project of the same user: one place a project, however
        it is named."""
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
                scoped.connection()
                known = (self, *self._scoped.values())
                same = (place for place in known if place.project.id == scoped.project.id)
                self._scoped[key] = next(same, scoped)
            return self._scoped[key]


def _rate(entry: dict[str, Any]) -> float:
    """Requests a second, as a cloud's entry in clouds.yaml says."""
    rate = entry.get("rate", RATE)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or rate < 0:
        raise exceptions.ConfigException("rate must be requests a second, 0 for no limit")
    return float(rate)


def _address(error: BaseException | None) -> str:
    """Where the request went that failed; empty if none is known. Of a connection that failed,
    keystoneauth tells it only in the exception that it made its own from."""
    while error is not None:
        request = getattr(error, "request", None)
        url = getattr(error, "url", None) or getattr(request, "url", None)
        if url:
            return str(url)
        error = error.__cause__ or error.__context__
    return ""


class Clouds:
    """Every cloud of the configuration that is served, and which places a location means."""

    def __init__(self, config: OpenStackConfig, names: Sequence[str] = ()) -> None:
        """`names` are the clouds to serve; all that the configuration has if there are none."""
        self._config = config
        known = names_of(config)
        for name in names:
            if name not in known:
                raise ValueError(f"no cloud {name!r} in the configuration; it has {listed(known)}")
        self.names = sorted(names or known)
        # What OS_CLOUD says, or the only one there is.
        self._default_cloud = str(config.default_cloud or "")
        if len(self.names) == 1:
            self._default_cloud = self.names[0]
        self._places: dict[str, dict[str, Place]] = {}
        self._broken: dict[str, Refused] = {}
        self._default: dict[str, str] = {}
        self.profiles: dict[str, str] = {}
        for name in self.names:
            try:
                self._read(name)
            except Exception as error:
                refused = self._configuration_invalid(name, error)
                LOG.warning("cloud %s is not served: %s", name, refused)
                self._broken[name] = refused

    @staticmethod
    def _configuration_invalid(name: str, error: Exception) -> Refused:
        # Others' texts may quote the entry, and so a password.
        named = (exceptions.ConfigException, AuthPluginException)
        detail = str(error) if isinstance(error, named) else ""
        return Refused(
            grpc.StatusCode.FAILED_PRECONDITION,
            Reason.REASON_CONFIGURATION_INVALID,
            f"the entry of cloud {name!r} in clouds.yaml cannot be used: "
            f"{detail or type(error).__name__}",
            {"cloud": name},
        )

    def _read(self, name: str) -> None:
        entry = self._config.cloud_config["clouds"][name] or {}
        if not isinstance(entry, dict):
            raise exceptions.ConfigException("it is not a mapping")
        regions = [region["name"] for region in self._config._get_regions(name)]
        budget = Budget(_rate(entry))
        places = {}
        for region in regions:
            config = self._config.get_one(cloud=name, region_name=region)
            # Without auth openstacksdk would go on to talk to a cloud as nobody.
            if not config.config.get("auth") and config.config.get("auth_type") not in (
                "none",
                "v3oidcdeviceauthz",
            ):
                raise exceptions.ConfigException("it has no auth")
            config.get_auth()
            places[region] = Place(name, region, config, budget)
        named = entry.get("region_name")
        self._places[name] = places
        if isinstance(named, str) and named in places:
            self._default[name] = named
        elif len(places) == 1:
            self._default[name] = next(iter(places))
        self.profiles[name] = str(entry.get("profile") or entry.get("cloud") or "")

    def close(self) -> None:
        for places in self._places.values():
            for place in places.values():
                place.close()

    def regions(self, cloud: str) -> dict[str, Place]:
        """The regions of one cloud, by name, in the order of the configuration."""
        if cloud in self._broken:
            raise self._broken[cloud]
        if cloud not in self._places:
            raise invalid(
                "location.cloud",
                f"there is no cloud {cloud!r}; there are {listed(self.names)}",
                Reason.REASON_CLOUD_UNKNOWN,
            )
        return self._places[cloud]

    def default_region(self, cloud: str) -> str | None:
        return self._default.get(cloud)

    def _region(self, cloud: str, region: str) -> Place:
        places = self.regions(cloud)
        if region not in places:
            raise invalid(
                "location.region",
                f"cloud {cloud!r} has no region {region!r}; it has {listed(places)}",
                Reason.REASON_REGION_UNKNOWN,
            )
        return places[region]

    def every(self, location: Location) -> tuple[list[Place], list[tuple[Location, Refused]]]:
        """The places a list covers, and those that cannot even be asked.

        A location that names one place fails as a call instead.
        """
        places: list[Place] = []
        failures: list[tuple[Location, Refused]] = []
        for cloud in [location.cloud] if location.cloud else self.names:
            try:
                if location.region and location.cloud:
                    found = [self._region(cloud, location.region)]
                else:
                    regions = self.regions(cloud)
                    found = [
                        place
                        for region, place in regions.items()
                        if not location.region or region == location.region
                    ]
            except Refused as refused:
                if location.cloud:
                    raise
                failures.append((Location(cloud=cloud), refused))
                continue
            places += found
        if location.region and not places and not failures:
            raise invalid(
                "location.region",
                f"no cloud has a region {location.region!r}",
                Reason.REASON_REGION_UNKNOWN,
            )
        return places, failures

    def one(self, location: Location) -> Place:
        """The one place that a call is about; CHOICE_NEEDED, with the choices, if it is not
        clear which."""
        cloud = location.cloud or self._default_cloud
        if not location.cloud and cloud not in self.names:
            raise choice_needed("location.cloud", f"name a cloud: {listed(self.names)}")
        if location.region:
            return self._region(cloud, location.region)
        places = self.regions(cloud)
        default = self._default.get(cloud)
        if default is None:
            raise choice_needed("location.region", f"name a region: {listed(places)}")
        return places[default]


def names_of(config: OpenStackConfig) -> list[str]:
    """The clouds of a configuration; but for the one that openstacksdk makes up."""
    clouds = config.cloud_config["clouds"]
    if clouds == {"defaults": config.defaults}:
        return []
    return [name for name in clouds if name]


def listed(names: Any) -> str:
    """Names for a message: none as a word, many cut."""
    names = [str(name) or "the one without a name" for name in names]
    if not names:
        return "none"
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


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
