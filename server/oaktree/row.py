"""What oaktree knows of one resource: a row of data.

A resource is one `.proto` file and one row in `resources/`. The row says where the resource lives
in the cloud, how its fields map where openstacksdk's names do not say it, which of the cloud's
words is which state, and what is odd about it. Everything else follows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from google.protobuf.message import Message
from oaktreemodel.v1.common_pb2 import State
from openstack import resource

from oaktree.errors import broken_off
from oaktree.mapping import Oddities
from oaktree.marks import Mark, Stamp
from oaktree.place import Place

Item: TypeAlias = dict[str, Any]
# Given the call and the reader of its resource: the response, or an iterator of them.
Handler: TypeAlias = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Made:
    """What a Create made: its id, and what else its response holds, such as a secret."""

    id: str
    more: Message | None = None

    def __post_init__(self) -> None:
        if not self.id:
            # What openstacksdk makes of an answer that is no JSON.
            raise broken_off()


@dataclass(frozen=True, kw_only=True)
class Row:
    # The message's name, and openstacksdk's proxy and class.
    noun: str
    service: str
    sdk: type[resource.Resource]

    # Reading. The list's path, the key of its items, and the path and key of one item. Without a
    # key the list is an array by itself: its next page is what follows the last name of this one,
    # and the last is empty.
    path: str
    key: str
    item_path: str
    item_key: str
    # Lists whose items are wrapped once more: {"keypairs": [{"keypair": {...}}]}.
    wrapped: bool = False
    # The newest microversion to ask for; openstacksdk's own choice if None.
    microversion: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    # What lists the things of every project, where the caller may.
    all_projects: Mapping[str, str] = field(default_factory=dict)
    # What lists only the caller's own, where the service would else list all of an admin's.
    own_project: str = ""
    # Whether a thing of another project belongs into the caller's list.
    shared: Callable[[Item], bool] = lambda item: False
    # What never shows: oaktree's own things.
    hidden: Callable[[Item], bool] = lambda item: False
    # The query that narrows a list to a name, where the service knows one; the name is compared
    # again here.
    by_name: Callable[[str], Mapping[str, str]] | None = None
    name_key: str = "name"
    # Whether only a Get tells all.
    list_tells_less: bool = False
    # Gives one item by its id, or None, where a GET of JSON does not.
    read: Callable[[Place, str], Item | None] | None = None
    # Whether ids are names: what is not found by one is not there.
    name_is_id: bool = False
    # False where ids are what their maker chose: then any name may be an id.
    uuid_ids: bool = True
    # Of several with one name, those that are meant if any is.
    preferred: Callable[[Message], bool] | None = None

    # Converting.
    odd: Oddities = field(default_factory=dict)
    # The keys that are no properties; what has a field, if None.
    base: frozenset[str] | None = None
    # The state, from all of the cloud's words.
    state: Callable[[Item], State.ValueType] | None = None
    zone_key: str = ""
    # The keys that may hold the owner; none for what belongs to no project.
    project_keys: tuple[str, ...] = ()
    # What a conversion needs to know of the place beyond the item; made once a request, and equal
    # to an earlier one where it would make the same of every item.
    prepare: Callable[[Place], Any] | None = None
    # Fills what the table cannot, given what `prepare` made.
    finish: Callable[[Message, Item, Any], None] | None = None

    # Changing. Each runs in a thread and raises what openstacksdk raises. `create` stamps what it
    # POSTs with the mark of its request, and `mark` says where that is: only what bears one can be
    # asked for after a crash.
    create: Callable[[Place, Message, Stamp], Made] | None = None
    mark: Mark | None = None
    # What a Create does to a thing once it is made. Done again when the Create comes again: it may
    # have ended before.
    complete: Callable[[Place, str, Message], None] | None = None
    # What a Create cannot do without, and what else can be seen to be wrong with it.
    needed: tuple[str, ...] = ()
    check: Callable[[Message], None] | None = None
    update: Callable[[Place, str, Message], None] | None = None
    delete: Callable[[Place, str], None] | None = None

    # The query that lists only what changed since a time, given in ISO 8601, at least; None where
    # the service in this place knows none. It is only a shortcut: what it misses, whole lists tell.
    changed_since: Callable[[Place, str], Mapping[str, str] | None] = lambda place, time: None
    # The status of a thing of which the cloud knows nothing else just now: what was known stands.
    stub_status: str = ""
    # Waiting. What the cloud says of why a thing failed, in one text or several. It runs in a
    # thread and may ask the cloud; what it has said stands if it then fails.
    fault: Callable[[Place, Message], Iterable[str]] | None = None
    # Statuses from which no deletion will come.
    undeletable: frozenset[str] = frozenset()
    # Sees through what a Create or a Delete left to be done. `settle` is asked once the thing is
    # READY and gives it as it then is, or None while there is more to do; `sweep` is told of an id
    # that is gone.
    settle: Callable[[Place, Any], Awaitable[Message | None]] | None = None
    # Whether an item's Create left something to be done.
    unsettled: Callable[[Item], bool] | None = None
    sweep: Callable[[Place, str], Awaitable[None]] | None = None
    # What the process that took a Create or a Delete goes on with by itself.
    see_to: Callable[[Place, str], Awaitable[None]] | None = None
    clear_up: Callable[[Place, str], Awaitable[None]] | None = None

    # The rpcs beyond the standard verbs, and those standard ones that are odd through and through.
    specials: Mapping[str, Handler] = field(default_factory=dict)


def by_exact_name(name: str) -> Mapping[str, str]:
    return {"name": name}


class Words(dict[str, State.ValueType]):
    """A table from the cloud's words to states; any other word is STATE_UNSPECIFIED."""

    _UNSPECIFIED = State.STATE_UNSPECIFIED

    def __missing__(self, word: str) -> State.ValueType:
        return self._UNSPECIFIED


def words(**states: str) -> Words:
    """The words of each state, in any case: `words(ready="active")`. Asked in lower case."""
    return Words(
        (word.lower(), State.Value(f"STATE_{state.upper()}"))
        for state, listed in states.items()
        for word in listed.split()
    )
