"""Which request a thing was made for, as it stands in the cloud.

What a process knows of request ids ends with it. So a thing is made with a mark of its request id,
in the one POST that makes it: where, its row says. A mark never shows in a resource.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from openstack import exceptions

from oaktree.convert import text
from oaktree.mapping import At
from oaktree.place import Place

Item: TypeAlias = dict[str, Any]
KEY = "oaktree_request"
# Puts a thing's mark into what is POSTed for it.
Stamp: TypeAlias = Callable[[Item], None]
# A namespace of our own: marks are ids of images, too.
_NAMESPACE = uuid.UUID("1c7a4a0c-5f0e-5b8f-9d0a-6c1f0a1e9a57")
_DESCRIBED = re.compile(rf"(?:^| ){KEY}=([0-9a-f]{{32}})$")
# Neutron's own limit on descriptions, in characters.
_LONGEST = 255
# Extensions come with a cloud's upgrades.
_KEPT_SECONDS = 3600.0


def mark_of(place: Place, noun: str, request_id: str) -> str:
    """A request id in its scope, as 32 hexadecimal digits: of two users of a project who use one
    id, each has a mark of his own. Runs in a thread."""
    user = place.connection().session.get_user_id()
    scope = f"{user} {place.project.id} {noun} {uuid.UUID(request_id)}"
    return uuid.uuid5(_NAMESPACE, scope).hex


class Mark(Protocol):
    """Where the things of one resource have their mark."""

    # Whether the cloud itself takes a mark only once.
    unique: bool

    def __call__(self, item: Item) -> str:
        """An item's mark; empty if it tells none."""

    def put(self, given: Item, mark: str) -> None:
        """Writes the mark into what is POSTed."""

    def kept(self, place: Place) -> bool:
        """Whether this cloud has a place for it. Runs in a thread."""


class _InMetadata:
    unique = False

    def __call__(self, item: Item) -> str:
        metadata = item.get("metadata")
        return str(metadata.get(KEY) or "") if isinstance(metadata, dict) else ""

    def put(self, given: Item, mark: str) -> None:
        given["metadata"] = {**(given.get("metadata") or {}), KEY: mark}

    def kept(self, place: Place) -> bool:
        return True


class _InDescription:
    """At the end of the description, which every resource of Neutron's takes in the POST; tags some
    take only by a second call, before which an oaktree may end."""

    unique = False

    def __call__(self, item: Item) -> str:
        described = item.get("description")
        found = _DESCRIBED.search(text(described)) if described else None
        return found[1] if found else ""

    def put(self, given: Item, mark: str) -> None:
        described = f"{_bare(given.get('description') or '')} {KEY}={mark}".strip()
        # What its user wants to say goes first.
        if len(described) <= _LONGEST:
            given["description"] = described

    def kept(self, place: Place) -> bool:
        return place.kept("descriptions", _KEPT_SECONDS, lambda: _describes(place))

    def keep(self, given: Item, present: str | None) -> None:
        """Leaves the mark of a thing's present description in the new one."""
        mark = self({"description": present})
        if mark:
            self.put(given, mark)


class _AsId:
    unique = True

    def __call__(self, item: Item) -> str:
        return ""

    def put(self, given: Item, mark: str) -> None:
        given["id"] = str(uuid.UUID(mark))

    def kept(self, place: Place) -> bool:
        return True


def _bare(description: str) -> str:
    return _DESCRIBED.sub("", description)


def _describes(place: Place) -> bool:
    response = place.service("network").get("/extensions/standard-attr-description")
    if response.status_code == 404:
        return False
    exceptions.raise_from_response(response)
    return True


def _put_description(message: Any, value: Any) -> None:
    message.description = _bare(text(value))


IN_METADATA = _InMetadata()
IN_DESCRIPTION = _InDescription()
AS_ID = _AsId()
# How a description that may end in a mark is read.
DESCRIPTION = At("description", _put_description)
