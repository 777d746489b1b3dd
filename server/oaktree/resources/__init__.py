"""Every resource that is served: one module each, found by being here."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from oaktree.reader import Reader
from oaktree.row import Row


@cache
def readers() -> dict[str, Reader]:
    """A reader for every row, by the message's name. A LookupError, at start, for a row that does
    not fit its message."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        row = getattr(importlib.import_module(f"{__name__}.{module.name}"), "ROW", None)
        if isinstance(row, Row):
            found[row.noun] = Reader(row)
    return found


def reader(noun: str) -> Reader:
    return readers()[noun]


@cache
def specials() -> dict[str, object]:
    """What serves the rpcs that have no row's verb, by the rpc's name."""
    found: dict[str, object] = {}
    for module in pkgutil.iter_modules(__path__):
        found |= getattr(importlib.import_module(f"{__name__}.{module.name}"), "SPECIALS", {})
    return found
