"""Objects deleted: one with the segments it is made of, or a group by one request.

Runs in a place's threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, unquote

import grpc
from oaktreemodel.v1.error_pb2 import Reason
from openstack import exceptions

from oaktree import objects, swift
from oaktree.errors import Refused
from oaktree.place import Place
from oaktree.swiftsummary import summary

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
    told = summary(response)
    if told.errors:
        path, why = told.errors[0]
        raise Refused(
            grpc.StatusCode.UNKNOWN,
            Reason.REASON_CLOUD_ERROR,
            f"{len(told.errors)} of its segments could not be deleted, so that it is there "
            f"still: {unquote(path)}: {why}",
        )
    return bool(told.deleted)


def fits(container: str, name: str) -> bool:
    """Whether the request that deletes a group can name it."""
    return len(_line(container, name)) <= _LINE_BYTES


def group(place: Place, container: str, names: Sequence[str]) -> list[str]:
    """Deletes objects in one piece by one request. Those of which it is not known then that they
    are gone."""
    body = "\n".join(_line(container, name) for name in names).encode()
    headers = {"Content-Type": "text/plain", "Accept": "application/json"}
    told = summary(swift.ask(place, "POST", query={"bulk-delete": ""}, headers=headers, body=body))
    failed = {unquote(path) for path, _ in told.errors}
    left = [name for name in names if f"/{container}/{name}" in failed]
    # Else it gave up on the way, or it is not known which failed.
    return left if told.deleted + told.missing + len(left) >= len(names) else list(names)


def _line(container: str, name: str) -> str:
    # Not as in a URL: no step is folded in a body.
    return quote(f"/{container}/{name}")
