"""What Swift tells of many things done by one request, in its answer's body.

Its status was sent before anything was done, so how it went is said here. What a cloud tells in
some other way is taken as not told: then nothing is known to have gone well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson
import requests

_STATUS = re.compile(r"\d{3}\b")


@dataclass(frozen=True)
class Summary:
    # 0 for one that is none.
    status: int
    # What it says of it, in words.
    text: str = ""
    etag: str = ""
    deleted: int = 0
    missing: int = 0
    # What it was not done with, by its path as the cloud writes it, and why.
    errors: tuple[tuple[str, str], ...] = ()


def summary(response: requests.Response) -> Summary:
    """Raises JSONDecodeError for a body that is no JSON; one of nothing tells nothing."""
    # Blanks come first, to show that somebody is there.
    told = orjson.loads(response.content.strip() or b"{}")
    if not isinstance(told, dict):
        told = {}
    status = _STATUS.match(str(told.get("Response Status", response.status_code)))
    errors = told.get("Errors") or []
    return Summary(
        status=int(status[0]) if status else 0,
        text=str(told.get("Response Body") or ""),
        etag=str(told.get("Etag") or response.headers.get("Etag", "")).strip('"'),
        deleted=_number(told.get("Number Deleted")),
        missing=_number(told.get("Number Not Found")),
        errors=tuple(map(_error, errors if isinstance(errors, list) else [errors])),
    )


def _number(told: Any) -> int:
    return told if isinstance(told, int) else 0


def _error(told: Any) -> tuple[str, str]:
    # Also one that is no pair is an error.
    path, why = told if isinstance(told, list) and len(told) == 2 else ("", told)
    return str(path), str(why)
