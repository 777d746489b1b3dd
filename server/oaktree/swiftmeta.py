"""Metadata of containers and objects: headers, and what of them is their owner's.

Swift keeps the bytes of a header's value as they are; other tools write UTF-8, so that is what is
written and read here. What HTTP cannot carry or Swift would change in silence is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from oaktree.errors import invalid
from oaktree.swift import Info
from oaktree.writes import refuse_both

CONTAINER = "X-Container-Meta-"
OBJECT = "X-Object-Meta-"
# Noted on objects by oaktree, beside what their owner notes.
SHA256 = OBJECT + "Oaktree-Sha256"
# In seconds since the epoch, as python-swiftclient and rclone write it.
MODIFIED = OBJECT + "Mtime"
# Whose values are no metadata: they have fields of their own, or are secret.
_OTHERS = {
    CONTAINER: re.compile(r"oaktree-|quota-(bytes|count)$|temp-url-key"),
    OBJECT: re.compile(r"oaktree-|mtime$"),
}
_KEY = re.compile(r"[!#$%&'*+.^`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def headers(
    kind: str, metadata: Mapping[str, str], info: Info, fieldname: str = "metadata"
) -> dict[str, bytes]:
    """The headers that note this on a container or an object; `kind` is their prefix.
    INVALID_ARGUMENT for what cannot be noted as it is."""
    found: dict[str, bytes] = {}
    size = 0
    for key, value in metadata.items():
        name = kind + check_key(kind, key, info, fieldname).title()
        if name in found:
            raise invalid(fieldname, f"{key!r} is given twice: case makes no difference")
        found[name] = _value(key, value, info, fieldname)
        size += len(key) + len(found[name])
    if len(found) > info.max_metadata_count:
        raise invalid(
            fieldname, f"has {len(found)} keys, and this cloud takes {info.max_metadata_count}"
        )
    if size > info.max_metadata_bytes:
        raise invalid(
            fieldname, f"has {size} bytes, and this cloud takes {info.max_metadata_bytes}"
        )
    return found


def check_key(kind: str, key: str, info: Info, fieldname: str = "metadata") -> str:
    """A key in lower case, as it is told; INVALID_ARGUMENT if it is none."""
    if not _KEY.fullmatch(key):
        raise invalid(
            fieldname,
            f"the key {key!r} cannot be kept: it may have ASCII letters, digits, hyphens and dots, "
            "and no underscore, which Swift loses",
        )
    if len(key) > info.max_metadata_key_bytes:
        raise invalid(
            fieldname,
            f"a key has {len(key)} bytes, and this cloud takes {info.max_metadata_key_bytes}",
        )
    if _OTHERS[kind].match(key.lower()):
        raise invalid(fieldname, f"the key {key!r} is kept for what has a field of its own")
    return key.lower()


def _value(key: str, value: str, info: Info, fieldname: str) -> bytes:
    if not value:
        raise invalid(fieldname, f"{key!r} is empty, and this cloud keeps no empty value")
    encoded = check_value(fieldname, value, f"{key!r} ").encode()
    if len(encoded) > info.max_metadata_value_bytes:
        raise invalid(
            fieldname,
            f"{key!r} has {len(encoded)} bytes, and this cloud takes "
            f"{info.max_metadata_value_bytes}",
        )
    return encoded


def check_value(fieldname: str, value: str, what: str = "") -> str:
    """What is to be a header's value; INVALID_ARGUMENT if HTTP would not carry it as it is."""
    if _CONTROL.search(value) or value != value.strip(" \t"):
        raise invalid(
            fieldname,
            f"{what}has a line break, a control character, or a space at an end, which cannot be "
            "kept",
        )
    return value


def told(kind: str, given: Mapping[str, str]) -> dict[str, str]:
    """Of a response's headers what its owner noted, by keys in lower case."""
    return {key: text(value) for key, value in _noted(kind, given) if not _is_other(kind, key)}


def raw(kind: str, given: Mapping[str, str], *, others: bool) -> dict[str, bytes]:
    """The headers that note the same again: those of its owner, or all others of the kind."""
    return {
        kind + key.title(): value.encode("latin-1", "replace")
        for key, value in _noted(kind, given)
        if _is_other(kind, key) == others
    }


def changed(
    kind: str, present: Mapping[str, str], change: Any, info: Info, fieldname: str = "metadata"
) -> dict[str, bytes]:
    """The headers that note what there is once a MapUpdate is applied to what a response's headers
    tell."""
    refuse_both(change, fieldname)
    gone = {kind + check_key(kind, key, info, fieldname).title() for key in change.remove}
    before = {} if change.replace else raw(kind, present, others=False)
    kept = {name: value for name, value in before.items() if name not in gone}
    return kept | headers(kind, change.set, info, fieldname)


def _is_other(kind: str, key: str) -> bool:
    return _OTHERS[kind].match(key) is not None


def _noted(kind: str, given: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for name, value in given.items():
        if name.lower().startswith(kind.lower()):
            yield name[len(kind) :].lower(), value


def text(value: str) -> str:
    """The text of a response's header: http.client takes every byte for a character."""
    return value.encode("latin-1", "replace").decode(errors="replace")
