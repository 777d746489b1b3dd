"""What serves each rpc: its row's standard verb, or the special that a row names."""

from __future__ import annotations

from functools import partial
from typing import Any

from oaktree import models, resources, verbs, waiting

_VERBS = {
    "List": verbs.list_all,
    "Get": verbs.get,
    "Create": verbs.create,
    "Update": verbs.update,
    "Delete": verbs.delete,
    "Wait": waiting.wait,
    "Watch": waiting.watch,
}


def handlers() -> dict[str, Any]:
    """A handler for every rpc by its path. LookupError, at start, for an rpc that nothing
    serves."""
    found, missing = {}, []
    rows, specials = resources.readers(), resources.specials()
    for path, rpc in models.rpcs().items():
        reader = rows.get(rpc.noun)
        special = (reader.row.specials if reader else {}).get(rpc.name) or specials.get(rpc.name)
        verb = _VERBS.get(rpc.verb)
        if special is not None:
            found[path] = partial(_bound, special, reader)
        elif reader is not None and verb is not None and _can(reader.row, rpc.verb):
            found[path] = partial(_bound, verb, reader)
        else:
            missing.append(rpc.name)
    if missing:
        raise LookupError(f"nothing serves {', '.join(missing)}")
    return found


def _bound(function: Any, reader: Any, call: Any) -> Any:
    return function(call, reader)


def _can(row: Any, verb: str) -> bool:
    changing = {"Create": row.create, "Update": row.update, "Delete": row.delete}
    return verb not in changing or changing[verb] is not None
