"""What a watch tells, and how to keep what it told."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from oaktreemodel._failures import SERVICE_ABSENT, from_failure
from oaktreemodel.errors import OaktreeError
from oaktreemodel.v1.error_pb2 import Failure
from oaktreemodel.v1.location_pb2 import Location
from oaktreemodel.v1.watch_pb2 import Removal, WatchMark

EventKind: TypeAlias = Literal["reset", "present", "synced", "changed", "removed", "failed"]


class Watchable(Protocol):
    """A resource that can be watched."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Watchable)
T_co = TypeVar("T_co", bound=Watchable, covariant=True)


class Key(NamedTuple):
    """What tells a thing from every other one in a watch: an id is unique in its place alone."""

    cloud: str
    region: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Generic[T_co]):
    """Something that happened in a watch.

    Each place begins with "reset" and everything there is, and is "synced" then; after that come
    changes and removals. A place that was lost begins again with "reset".

    Attributes:
        kind: "reset": everything that is in this place follows. "present": an item that is there.
            "synced": everything has been told; what was not seen since the "reset" is there no
            more. "changed": an item that is new or changed. "removed": one that is there no more.
            "failed": the place cannot be asked at present; what was told of it stands, until its
            next "reset".
        location: The place. When oaktree itself is lost, what was asked to be watched: empty is
            everywhere.
        item: The newest state, of "present" and "changed". None for all others.
        id: The id of an item that is there, or was. Empty where it is about none.
        name: Its name, or the one it had.
        deleted: Whether what was removed is gone. False also for what is there and no longer fits
            `where`.
        failure: Why the place cannot be asked, of "failed". None for all others.
        as_of: When the cloud was asked for this, by oaktree's clock. None where it was not.
    """

    kind: EventKind
    location: Location
    item: T_co | None = None
    id: str = ""
    name: str = ""
    deleted: bool = False
    failure: OaktreeError | None = None
    as_of: datetime.datetime | None = None

    @property
    def key(self) -> Key:
        """What to keep the item under, where several places are watched at once."""
        return Key(self.location.cloud, self.location.region, self.id)


class Mirror(Mapping[Key, T], Generic[T]):
    """All that a watch has told and that is still there, by key; it is given each event.

    Not safe for several threads at once.
    """

    def __init__(self) -> None:
        self._items: dict[Key, T] = {}
        # By cloud and region: what was there before a reset, and has not been seen since.
        self._unseen: dict[tuple[str, str], set[Key]] = {}

    def apply(self, event: Event[T]) -> list[T]:
        """Take an event in. Returns the items that are there no more, in their last known state."""
        place = (event.location.cloud, event.location.region)
        if event.item is not None:
            self._items[event.key] = event.item
            self._unseen.get(place, set()).discard(event.key)
        elif event.kind == "reset":
            self._unseen[place] = {key for key in self._items if key[:2] == place}
        elif event.kind == "synced":
            return self._drop(self._unseen.pop(place, ()))
        elif event.kind == "removed":
            return self._drop([event.key])
        return []

    def _drop(self, keys: Iterable[Key]) -> list[T]:
        return [self._items.pop(key) for key in keys if key in self._items]

    def __getitem__(self, key: Key) -> T:
        return self._items[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


class WatchResponse(Protocol):
    """What every watch's response has, beside the items."""

    @property
    def failures(self) -> Iterable[Failure]: ...
    @property
    def as_of(self) -> Timestamp: ...
    @property
    def location(self) -> Location: ...
    @property
    def mark(self) -> WatchMark.ValueType: ...
    @property
    def removals(self) -> Iterable[Removal]: ...
    def HasField(self, field_name: Literal["as_of"], /) -> bool: ...


W = TypeVar("W", bound=WatchResponse)


class Events(Generic[W, T]):
    """Makes events of one watch's responses."""

    def __init__(self, items: Callable[[W], Iterable[T]], asked: Location) -> None:
        self._items = items
        self._asked = asked
        self._synced: set[tuple[str, str]] = set()

    def lost(self, error: OaktreeError) -> Event[T]:
        """The event of oaktree itself being lost."""
        self._synced.clear()
        location = Location()
        location.CopyFrom(self._asked)
        return Event(kind="failed", location=location, failure=error)

    def of(self, response: W) -> Iterator[Event[T]]:
        """Its events: the mark comes before the rest of a response."""
        where, place = response.location, (response.location.cloud, response.location.region)
        as_of = None
        if response.HasField("as_of"):
            as_of = response.as_of.ToDatetime(tzinfo=datetime.UTC)
        if response.mark == WatchMark.WATCH_MARK_RESET:
            self._synced.discard(place)
            yield Event(kind="reset", location=where, as_of=as_of)
        elif response.mark == WatchMark.WATCH_MARK_SYNCED:
            self._synced.add(place)
            yield Event(kind="synced", location=where, as_of=as_of)
        kind: EventKind = "changed" if place in self._synced else "present"
        for item in self._items(response):
            yield Event(
                kind=kind, location=where, item=item, id=item.id, name=item.name, as_of=as_of
            )
        for gone in response.removals:
            yield Event(
                kind="removed",
                location=where,
                id=gone.id,
                name=gone.name,
                deleted=gone.deleted,
                as_of=as_of,
            )
        for failure in response.failures:
            error = from_failure(failure)
            if error.reason != SERVICE_ABSENT:
                yield Event(kind="failed", location=failure.location, failure=error)
