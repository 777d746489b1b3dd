"""The names of containers and objects: which will do, and which are oaktree's own."""

from __future__ import annotations

from oaktree.errors import Refused, invalid
from oaktree.swift import Info

# What the names of oaktree's own objects begin with, in every container: the segments of uploads.
# They never show.
OWN = ".oaktree/"


def is_own(name: str) -> bool:
    return name.startswith(OWN)


def check_container(name: str, info: Info, fieldname: str = "parent") -> str:
    """The name of a container; INVALID_ARGUMENT if none can be called so."""
    if "/" in name:
        raise invalid(fieldname, "has a slash, which the name of no container has")
    return _checked(name, info.max_container_name_bytes, fieldname)


def check_object(name: str, info: Info, fieldname: str = "name_or_id") -> str:
    """The name of an object; INVALID_ARGUMENT if none of the user's can be called so."""
    if is_own(name):
        raise own_name(fieldname)
    return _checked(name, info.max_object_name_bytes, fieldname)


def check_prefix(prefix: str, fieldname: str = "prefix") -> str:
    """What names begin with; INVALID_ARGUMENT if only those of oaktree's own objects can."""
    if is_own(prefix):
        raise own_name(fieldname)
    return check_text(prefix, fieldname)


def check_text(text: str, fieldname: str) -> str:
    """What is compared with names; INVALID_ARGUMENT if none can be like it."""
    if "\0" in text:
        raise invalid(fieldname, "has a character of code 0, which no name has")
    return text


def own_name(fieldname: str) -> Refused:
    return invalid(fieldname, f"begins with {OWN}, which is kept for the parts of uploads")


def _checked(name: str, limit: int, fieldname: str) -> str:
    if not name:
        raise invalid(fieldname, "is missing and is needed")
    size = len(name.encode())
    if size > limit:
        raise invalid(fieldname, f"has {size} bytes, and this cloud takes {limit}")
    return check_text(name, fieldname)
