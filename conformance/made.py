"""What a case makes in clouds, which is deleted after it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import oaktreemodel

from . import api
from .place import Place

# Seconds that a cloud may take to delete what a case made.
DELETING = 120.0
# How the methods begin that make something.
MAKING = ("create", "upload", "fetch")


class Made:
    """The things that one case made."""

    def __init__(self) -> None:
        self._things: list[tuple[str, dict[str, Any]]] = []

    def remember(self, call: str, result: Any) -> None:
        """Takes in what a call of a real oaktree gave, if that is something it made. Objects go
        with their container."""
        collection, _, method = call.partition(".")
        is_thing = f"{collection}.delete" in api.rpcs() and collection != "storage_objects"
        if is_thing and method.startswith(MAKING) and result:
            self._things += [(collection, one) for one in _resources(result)]

    def delete(self, place: Place) -> None:
        """Deletes them all."""
        if not self._things:
            return
        with place.client() as client:
            for name, thing in reversed(self._things):
                at = client.at(thing["location"])
                with contextlib.suppress(oaktreemodel.NotFound):
                    if name == "storage_containers":
                        _empty(at, thing["name"])
                    _delete(getattr(at, name), thing["id"])


def _resources(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The thing that was made, which a response with secrets holds."""
    if "location" in result:
        yield result
    else:
        yield from (one for one in result.values() if "location" in one)


def _empty(at: Any, container: str) -> None:
    """Raises NotFound if it is gone."""
    at.storage_objects.abort_uploads(parent=container)
    at.storage_objects.delete_many(parent=container, everything=True)


def _delete(collection: Any, identifier: str) -> None:
    """Raises NotFound if it is gone."""
    try:
        collection.delete(identifier)
    except (oaktreemodel.Failed, oaktreemodel.InvalidArgument):
        # What is being made, some clouds do not delete.
        collection.wait(identifier, timeout=DELETING)
        collection.delete(identifier)
    if hasattr(collection, "wait"):
        collection.wait(identifier, until="deleted", timeout=DELETING)
