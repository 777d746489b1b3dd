"""Segments that are no object's any more: found and deleted. Runs in a place's threads."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from openstack import exceptions

from oaktree import objectdelete, swift
from oaktree.place import Place
from oaktree.storage import manifest, resume, segments
from oaktree.storage.segments import Left, Upload

LOG = logging.getLogger(__name__)
# An upload that stored nothing for so long was given up, when another of the same name has ended.
GIVEN_UP = timedelta(hours=1)
# How many one request deletes.
GROUP = 500


def clear(
    place: Place, container: str, name: str, began: str = "", made: Upload | None = None,
    former: Iterable[str] = (),
) -> None:  # fmt: skip
    """Once an object was stored: deletes the segments that what was there before was made of, and
    uploads of the same name that nobody goes on with. `made` is the upload it was made of, else
    `began` says when it was stored. What fails is left for Abort: the object is there."""
    try:
        home = segments.home(name)
        lefts = resume.left(place, container, home)
        stored = segments.moment(began) if began else None
        since = min((one.began for one in lefts if one.upload == made), default=stored)
        over = [one for one in lefts if one.upload != made and _is_over(one, since)]
        gone = {path for path in former if path.startswith(home)}
        gone |= {part.name for one in over for part in one.segments.values()}
        if made is not None:
            gone -= {made.name(index) for index in range(made.count)}
        if gone:
            # Another may have been made of them just now.
            delete(place, container, gone - manifest.names(place, container, name))
    except Exception:
        LOG.warning("segments of %s may be left", name, exc_info=True)


def _is_over(left: Left, since: datetime | None) -> bool:
    """Whether an upload can be told to be over by when another began: it was complete, and so made
    an object that is there no more, or was given up long before."""
    if since is None or left.touched >= since:
        return False
    return left.is_complete or since - left.touched > GIVEN_UP


def delete(place: Place, container: str, names: Iterable[str]) -> None:
    """Those that are gone already are no error."""
    rest = sorted(names)
    most = min(swift.info(place).max_bulk_deletes, GROUP)
    if most:
        groups = [rest[at : at + most] for at in range(0, len(rest), most)]
        rest = [name for group in groups for name in objectdelete.group(place, container, group)]
    for name in rest:
        with contextlib.suppress(exceptions.NotFoundException):
            swift.ask(place, "DELETE", container, name)
