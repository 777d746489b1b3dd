"""Objects deleted: one with the segments it is made of, or a group by one request.

Runs in a place's threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote

import grpc
import orjson
import requests
from oaktreemodel.v1.error_pb2 import Reason
from openstack import exceptions

from oaktree import objects, swift
from oaktree.errors import Refused
from oaktree.place import Place

# Swift refuses a whole request for one line that is much longer than a name can be.
_LINE_BYTES = 2000


def one(place: Place, container: str, name: str) -> bool:
    """Deletes one object, and the segments that its manifest names. False if there is none."""
    headers = objects.head(place, container, name)
    if headers is None:
        return False
    if not objects.is_static(headers):
        try:
            swift.ask(place, "DELETE", container, name)
        except exceptions.NotFoundException:
            return False
        return True
    query = {"multipart-manifest": "delete"}
    response = swift.ask(
        place, "DELETE", container, name, query=query, headers={"Accept": "application/json"}
    )
    told = _summary(response)
    if told["Errors"]:
        path, why = told["Errors"][0]
        raise Refused(
            grpc.StatusCode.UNKNOWN,
            Reason.REASON_CLOUD_ERROR,
            f"{len(told['Errors'])} of its segments could not be deleted, so that it is there "
            f"still: {unquote(str(path))}: {why}",
        )
    return bool(told["Number Deleted"])


def fits(container: str, name: str) -> bool:
    """Whether the request that deletes a group can name it."""
    return len(_line(container, name)) <= _LINE_BYTES


def group(place: Place, container: str, names: Sequence[str]) -> list[str]:
    """Deletes objects in one piece by one request. Those of which it is not known then that they
    are gone."""
    body = "\n".join(_line(container, name) for name in names).encode()
    headers = {"Content-Type": "text/plain", "Accept": "application/json"}
    told = _summary(swift.ask(place, "POST", query={"bulk-delete": ""}, headers=headers, body=body))
    failed = {unquote(str(path)) for path, _ in told["Errors"]}
    if told["Number Deleted"] + told["Number Not Found"] + len(failed) < len(names):
        # It gave up on the way.
        return list(names)
    return [name for name in names if f"/{container}/{name}" in failed]


def _line(container: str, name: str) -> str:
    # Not as in a URL: no step is folded in a body.
    return quote(f"/{container}/{name}")


def _summary(response: requests.Response) -> dict[str, Any]:
    """What an answer says in its body, whose status is known before anything was done."""
    # Blanks come first, to show that somebody is there.
    told = orjson.loads(response.content.strip() or b"{}")
    if not isinstance(told, dict):
        told = {}
    return (
        {"Number Deleted": 0, "Number Not Found": 0} | told | {"Errors": told.get("Errors") or []}
    )
