"""What an object in segments is made of, by its manifest."""

from __future__ import annotations

from typing import Any

import orjson
from openstack import exceptions

from oaktree import bodyheaders, objects, swift
from oaktree.place import Place
from oaktree.storage import segments

# What is deleted or written over depends on it: it is not to be what one server still has.
NEWEST = {"X-Newest": "true"}


def names(place: Place, container: str, name: str) -> set[str]:
    """The names of the segments in the same container that the object of this name is made of;
    none if it is in one piece, or there is no such object. Runs in a thread."""
    query = {"multipart-manifest": "get"}
    try:
        # Of an object in one piece this would be all its bytes: they are not read.
        response = swift.ask(
            place, "GET", container, name, query=query, headers=NEWEST, stream=True
        )
    except exceptions.NotFoundException:
        return set()
    try:
        if not objects.is_static(response.headers):
            return set()
        parts: Any = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        parts = None
    finally:
        response.close()
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise bodyheaders.no_answer("what the object is made of")
    lead = f"/{container}/"
    paths = [str(part.get("name", "")) for part in parts]
    return {path.removeprefix(lead) for path in paths if path.startswith(lead)}


def uploads(place: Place, container: str, name: str) -> set[tuple[str, str]]:
    """The homes and ids of the uploads whose segments the object of this name is made of."""
    found = map(segments.upload_of, names(place, container, name))
    return {upload for upload in found if upload is not None}
