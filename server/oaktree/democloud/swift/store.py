"""What Swift holds: accounts, their containers, their objects."""

from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from math import ceil
from time import time
from typing import NamedTuple

from ..content import Content
from ..items import Row

Headers = dict[str, str]


class Stamp(NamedTuple):
    """When something was made or changed, in seconds since 1970."""

    at: float

    @property
    def header(self) -> str:
        return f"{self.at:.5f}"

    @property
    def modified(self) -> str:
        """As a header says it: whole seconds, and never earlier than it was."""
        return formatdate(ceil(self.at), usegmt=True)

    @property
    def listed(self) -> str:
        text = datetime.fromtimestamp(self.at, UTC).replace(tzinfo=None)
        return text.isoformat(timespec="microseconds")


def stamp() -> Stamp:
    return Stamp(round(time(), 5))


@dataclass(slots=True)
class Object:
    content: Content
    content_type: str
    etag: str
    headers: Headers
    """Its metadata, and the other headers that are kept with it."""
    changed: Stamp
    delete_at: int | None = None
    """In seconds since 1970; from then on it is there for listings only."""
    segments: list[Row] | None = None
    """Those of a static large object, whose content is then its manifest."""
    slo_etag: str = ""
    slo_size: int = 0

    @property
    def expired(self) -> bool:
        return self.delete_at is not None and self.delete_at <= time()


@dataclass(slots=True)
class Container:
    headers: Headers = field(default_factory=dict)
    """Its metadata, and who may read and write it."""
    made: Stamp = field(default_factory=stamp)
    changed: Stamp = field(default_factory=stamp)
    objects: dict[str, Object] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    """Of the objects, in order: that of code points is that of UTF-8's bytes."""
    size: int = 0
    """In bytes, as quotas count them: manifests for what they are themselves."""

    def put(self, name: str, made: Object) -> None:
        old = self.objects.get(name)
        if old is None:
            insort(self.names, name)
        else:
            self.size -= old.content.size
        self.objects[name] = made
        self.size += made.content.size

    def remove(self, name: str) -> Object | None:
        old = self.objects.pop(name, None)
        if old is not None:
            del self.names[bisect_left(self.names, name)]
            self.size -= old.content.size
        return old

    def get(self, name: str) -> Object | None:
        """None, too, where it has expired."""
        found = self.objects.get(name)
        return None if found is None or found.expired else found


@dataclass(slots=True)
class Account:
    project: str
    headers: Headers = field(default_factory=dict)
    made: Stamp = field(default_factory=stamp)
    containers: dict[str, Container] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"AUTH_{self.project}"


def account_of(accounts: dict[str, Account], project: str) -> Account:
    """Made when first asked for."""
    if project not in accounts:
        accounts[project] = Account(project)
    return accounts[project]


def change_headers(headers: Headers, asked: Mapping[str, str], kept: tuple[str, ...]) -> None:
    """Set those of the headers asked for that begin like one that is kept; an empty one goes."""
    for name, value in asked.items():
        if name.startswith("x-remove-"):
            name, value = "x-" + name.removeprefix("x-remove-"), ""
        if not name.startswith(kept):
            continue
        if value:
            headers[name] = value
        else:
            headers.pop(name, None)
