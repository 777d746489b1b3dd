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
            f"the key {key!r} cannot be kept: it may have ASCII letters, digits, hyphens and dots, and "
            "no underscore, which Swift loses",
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
    if _CONTROL.search(value) or value != value.strip(" \t"):
        raise invalid(
            fieldname,
            f"{key!r} has a line break, a control character, or a space at an end, which cannot be "
            "kept",
        )
    encoded = value.encode()
    if len(encoded) > info.max_metadata_value_bytes:
        raise invalid(
            fieldname,
            f"{key!r} has {len(encoded)} bytes, and this cloud takes "
            f"{info.max_metadata_value_bytes}",
        )
    return encoded


def told(kind: str, given: Mapping[str, str]) -> dict[str, str]:
    """Of a response's headers what its owner noted, by keys in lower case."""
    return {key: text(value) for key, value in _noted(kind, given) if not _OTHERS[kind].match(key)}


def others(kind: str, given: Mapping[str, str]) -> dict[str, str]:
    """Of a response's headers those of the kind that are no metadata of its owner's."""
    return {
        kind + key.title(): value for key, value in _noted(kind, given) if _OTHERS[kind].match(key)
    }


def _noted(kind: str, given: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for name, value in given.items():
        if name.lower().startswith(kind.lower()):
            yield name[len(kind) :].lower(), value


def text(value: str) -> str:
    """The text of a response's header: http.client takes every byte for a character."""
    return value.encode("latin-1", "replace").decode(errors="replace")


def changed(present: Mapping[str, str], change: Any) -> dict[str, str]:
    """What is noted once a MapUpdate is applied. Keys are compared in lower case."""
    kept = {} if change.replace else dict(present)
    for key in change.remove:
        kept.pop(key.lower(), None)
    return kept | {key.lower(): value for key, value in change.set.items()}
