"""Which objects of a container have segments, so that storing others asks for nothing more.

An object in one piece may take the place of one in segments, which are nobody's then. To look for
them after each upload would double what a directory of small files costs.
"""

from __future__ import annotations

import time
from collections import OrderedDict

from oaktree import swift
from oaktree.place import Place
from oaktree.storage import segments

# Segments that somebody else has made since are found no sooner; an abort finds all.
KEPT_SECONDS = 30.0
KEPT = 100


class Homes:
    """A place's; see `Place.state`. Used by its threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[float, set[str]]] = OrderedDict()

    def note(self, container: str, home: str) -> None:
        """Segments are stored here just now."""
        known = self._known.get(container)
        if known is not None:
            known[1].add(home)

    def has(self, place: Place, container: str, name: str) -> bool:
        """Whether there may be segments of an object of this name. Raises NotFoundException if
        there is no such container."""
        known = self._known.get(container)
        now = time.monotonic()
        if known is None or now - known[0] > KEPT_SECONDS:
            pages = swift.pages(place, container, prefix=segments.PREFIX, delimiter="/")
            found = {swift.name_of(item) for page in pages for item in page}
            known = self._known[container] = (now, found)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return segments.home(name) in known[1]
