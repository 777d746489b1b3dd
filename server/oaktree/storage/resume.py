"""Uploads in segments that were broken off, and which of them a new one goes on with."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from oaktree import swift
from oaktree.place import Place
from oaktree.storage import manifest, segments
from oaktree.storage.segments import Left, Upload


def new(upload: Upload) -> Upload:
    return replace(upload, id=str(uuid.uuid4()))


def left(place: Place, container: str, prefix: str = segments.PREFIX) -> list[Left]:
    """What is there of uploads, of one object by its home, or of all. Runs in a thread."""
    return segments.left(chain.from_iterable(swift.pages(place, container, prefix=prefix)))


def find(
    place: Place, container: str, name: str, wanted: Upload, md5s: Sequence[str], exists: bool
) -> Left | None:
    """The upload to go on with, of those with the wanted sizes; None if there is none. With the
    digests of all segments, only one of which all that is there is right: a segment is never
    written over. `exists`: whether there is an object of the name."""
    found = [
        one
        for one in left(place, container, wanted.home)
        if (one.upload.size, one.upload.segment_size) == (wanted.size, wanted.segment_size)
        and (not md5s or one.is_of(md5s))
    ]
    if found and exists:
        # What the object that is there is made of is no upload any more.
        live = manifest.uploads(place, container, name)
        found = [one for one in found if (one.upload.home, one.upload.id) not in live]
    return max(found, key=lambda one: one.touched, default=None)
