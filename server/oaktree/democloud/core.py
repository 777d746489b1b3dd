"""What the services share: routes, calls, replies and errors."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from starlette.datastructures import Headers, QueryParams
from starlette.routing import compile_path

if TYPE_CHECKING:
    from .cloud import Cloud, Region
    from .faults import Fault
    from .keystone.service import Token

# Told apart from other 404s: Nova and Cinder answer them in HTML.
NO_ROUTE = "HTTPNotFound"
Version = tuple[int, int]


class ApiError(Exception):
    """An answer that is an error; the service puts it into its own JSON."""

    def __init__(
        self, status: int, message: str, kind: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.headers = headers or {}


class CutConnection(Exception):
    """No answer, or no more of one: the connection goes."""


class Stream(NamedTuple):
    """A body that is sent piece by piece.

    Where the pieces end before `size`, so does the connection: that is how a service shows that
    it cannot go on with an answer it has begun.
    """

    size: int
    pieces: Iterator[bytes | memoryview]


class Reply(NamedTuple):
    """body: JSON values, a Stream, or bytes that are sent as they are."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 (a NamedTuple's default, never written to)


@dataclass(slots=True)
class Call:
    """One request on its way through a service."""

    cloud: "Cloud"
    service: "Service"
    method: str
    path: str
    headers: Headers
    query: QueryParams
    base: str
    """The address up to and with the service's name, as the catalog gives it."""
    full_path: str
    """The path as the service sees it, with the version that `path` begins behind."""
    request_id: str
    address: str
    """Where the client is."""
    stream: Callable[[], AsyncIterator[bytes]]
    args: dict[str, str] = field(default_factory=dict)
    body: Any = None
    version: Version | None = None
    """The microversion asked for; None where the service has none."""
    fault: "Fault | None" = None
    _region: "Region | None" = None
    _token: "Token | None" = None

    @property
    def region(self) -> "Region":
        assert self._region is not None
        return self._region

    @property
    def token(self) -> "Token":
        assert self._token is not None
        return self._token

    @property
    def project(self) -> str:
        return self.token.project_id

    @property
    def is_admin(self) -> bool:
        return "admin" in self.token.roles

    def at_least(self, major: int, minor: int) -> bool:
        return self.version is not None and self.version >= (major, minor)

    def query_with(self, **values: str) -> str:
        """The query as it came, with these set: what a next link carries."""
        return urlencode(
            [(k, v) for k, v in self.query.multi_items() if k not in values] + list(values.items())
        )

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in ("1", "true", "yes", "on")


Handler = Callable[[Call], "Reply | Awaitable[Reply]"]


class Route(NamedTuple):
    method: str
    template: str
    pattern: re.Pattern[str]
    handler: Handler
    open: bool
    """Answered without a token."""
    raw: bool
    """The handler reads the body itself."""


def clean(path: str) -> str:
    """A trailing slash and the format's ending (Neutron) are as good as none."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text.removesuffix(".json").rstrip("/") or "/"


@dataclass
class Service:
    """One service: its routes, and how it words its errors."""

    name: str
    error: Callable[[ApiError], tuple[bytes, str]]
    """The body of an error and its content type."""
    versions: Callable[["Cloud"], tuple[Version, Version] | None] = lambda cloud: None
    version_name: str = ""
    """What the service calls itself in the microversion header."""
    request_id_headers: tuple[str, ...] = ("x-openstack-request-id",)
    prefix: Callable[["Cloud"], str] = lambda cloud: ""
    """A pattern for what stands before every template: the version, sometimes the project."""
    clean: Callable[[str], str] = clean
    """The path that is looked up; bytes that are not UTF-8 come as surrogates."""
    routes: list[Route] = field(default_factory=list)

    def route(
        self, method: str, template: str, *, open: bool = False, raw: bool = False
    ) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            pattern, _, _ = compile_path(template)
            # A name may hold a line's end.
            pattern = re.compile(pattern.pattern, re.DOTALL)
            self.routes.append(Route(method, template, pattern, handler, open, raw))
            return handler

        return add

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Raises ApiError 404 where no route has the path, 405 where one has with other methods."""
        path, allowed = self.clean(path), []
        for route in self.routes:
            if match := route.pattern.match(path):
                if route.method == method:
                    return route, match.groupdict()
                allowed.append(route.method)
        if allowed:
            allow = {"allow": ", ".join(sorted(set(allowed)))}
            raise ApiError(405, "The method is not allowed for this resource.", headers=allow)
        raise no_route()


def no_route() -> ApiError:
    return ApiError(404, "The resource could not be found.", NO_ROUTE)
