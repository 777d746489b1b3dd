"""How bytes come to the image service. Runs in a thread of a transfer's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from oaktreemodel.v1.error_pb2 import Reason

from oaktree.errors import Refused
from oaktree.place import Place
from oaktree.transfer import Incoming
from oaktree.writes import check

# What stands on an image that is being imported, or whose import has failed.
IMPORT_MARKS = ("os_glance_import_task", "os_glance_failed_import")


def put(place: Place, identifier: str, incoming: Incoming) -> None:
    """Sends them, and has them at once."""
    _send(place, f"/images/{identifier}/file", incoming)


def stage(place: Place, identifier: str, incoming: Incoming) -> None:
    """Sends them to where the service imports them from, and has that begin."""
    _send(place, f"/images/{identifier}/stage", incoming)
    import_from(place, identifier, {"name": "glance-direct"})


def import_from(place: Place, identifier: str, method: dict[str, str]) -> None:
    adapter = place.service("image")
    check(adapter.post(f"/images/{identifier}/import", json={"method": method}))


def _send(place: Place, path: str, incoming: Incoming) -> None:
    adapter: Any = place.service("image")
    headers = {
        "Content-Type": "application/octet-stream",
        # A length that is too small makes an image of what came so far; this is compared.
        "x-openstack-image-size": str(incoming.size),
    }
    # Sent again, the body would be none, and be waited for in vain.
    once = {"allow_reauth": False, "redirect": False, "log": False}
    response = adapter.put(path, data=incoming, headers=headers, **once)
    if response.status_code == 401 and adapter.session.invalidate(adapter.auth):
        raise Refused(
            grpc.StatusCode.UNAVAILABLE,
            Reason.REASON_CLOUD_UNREACHABLE,
            "the cloud took the token no longer; send it again",
        )
    check(response)


WAYS: dict[str, Callable[[Place, str, Incoming], None]] = {"put": put, "import": stage}
