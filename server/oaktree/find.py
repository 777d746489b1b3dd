"""Names and ids: a user may give either, wherever a thing is named. Runs in a place's threads."""

from __future__ import annotations

import re

from oaktree.errors import ambiguous, not_found
from oaktree.place import Place
from oaktree.reader import Found, Reader
from oaktree.walk import items

_UUID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


def find(place: Place, reader: Reader, name: str, fieldname: str = "name_or_id") -> Found:
    """The one thing of that id, or of that name. NOT_FOUND, or INVALID_ARGUMENT with the ids where
    several have the name."""
    row = reader.row
    if not row.uuid_ids or _UUID.fullmatch(name):
        found = reader.one(place, name)
        if found is not None:
            return found
    if row.name_is_id:
        raise not_found(noun_of(reader), name)
    encode = reader.encoder(place)
    extra = row.by_name(name) if row.by_name else {}
    matches = [
        encode(item)
        for item in items(place, reader, reader.query(place, False, extra))
        if item.get(row.name_key) == name and reader.mine(place, item)
    ]
    if len(matches) > 1 and row.preferred is not None:
        matches = [found for found in matches if row.preferred(found.message)] or matches
    if len(matches) > 1:
        raise ambiguous(fieldname, noun_of(reader), name, (found.id for found in matches))
    if not matches:
        raise not_found(noun_of(reader), name)
    return matches[0]


def noun_of(reader: Reader) -> str:
    """The resource in words: "floating ip" for FloatingIp."""
    return re.sub(r"(?<!^)([A-Z])", r" \1", reader.row.noun).lower()
