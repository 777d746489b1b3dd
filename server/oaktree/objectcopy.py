"""Objects copied by the cloud itself. Runs in a place's threads.

A copy has bytes of its own, also of an object that is made of segments: those are the original's,
and go with it.
"""

from __future__ import annotations

import logging
from typing import Any, TypeAlias

import grpc
from oaktreemodel.v1.error_pb2 import Reason
from openstack import exceptions

from oaktree import objects, swift, swiftmeta
from oaktree.errors import Refused, not_found, not_offered
from oaktree.objects import EXPIRES, Headers
from oaktree.place import Place
from oaktree.storage import clearing, manifest
from oaktree.storage.headers import REQUEST, seconds
from oaktree.swiftmeta import MODIFIED, OBJECT, SHA256
from oaktree.swiftnames import is_own

LOG = logging.getLogger(__name__)
# A container, and a name in it.
Path: TypeAlias = tuple[str, str]


def copy(place: Place, source: Path, target: Path, request: Any) -> None:
    """Copies an object. What the request does not say of the copy is as the original's, but that
    it is never deleted. ALREADY_EXISTS, NOT_FOUND, or NOT_OFFERED for what is too large."""
    there = objects.need(place, *source)
    most = swift.info(place).max_object_bytes
    if int(there.get("Content-Length", 0)) > most:
        raise not_offered(
            f"it has more than {most} bytes, and this cloud copies no more: download and upload it"
        )
    # Swift ignores the condition on a copy.
    if request.only_if_absent and _is_made(place, target, request.request_id):
        return
    headers = _headers(place, there, request)
    headers["X-Copy-From"] = swift.path(*source)
    # What it was made of goes once nothing is made of it any more.
    before = [name for name in manifest.names(place, *target) if is_own(name)]
    try:
        swift.ask(place, "PUT", *target, headers=headers, body=b"")
    except exceptions.NotFoundException as error:
        if objects.head(place, *source) is None:
            raise not_found("storage object", source[1]) from error
        raise not_found("storage container", target[0]) from error
    try:
        clearing.delete(place, target[0], before)
    except exceptions.SDKException:
        # The copy is there; what is left over, an abort of its uploads deletes.
        LOG.warning("segments of what %s was before may be left", target[1], exc_info=True)


def _is_made(place: Place, target: Path, request_id: str) -> bool:
    """Whether the request made a copy when it came before. ALREADY_EXISTS if there is another
    object."""
    there = objects.head(place, *target)
    if there is None:
        return False
    if request_id and there.get(REQUEST) == request_id:
        return True
    raise Refused(
        grpc.StatusCode.ALREADY_EXISTS,
        Reason.REASON_ALREADY_EXISTS,
        f"there is a storage object {target[1]!r} already",
    )


def _headers(place: Place, there: Headers, request: Any) -> dict[str, str | bytes]:
    again = objects.noted_again(there)
    kept = {*objects.SAID_AGAIN, MODIFIED, SHA256} - {objects.DYNAMIC}
    headers = {name: value for name, value in again.items() if name in kept}
    # All that is to be noted is said here: else the cloud would also copy when it is to end.
    headers["X-Fresh-Metadata"] = "true"
    headers["Content-Type"] = there.get("Content-Type", "").encode("latin-1", "replace")
    if request.metadata:
        headers |= swiftmeta.headers(OBJECT, request.metadata, swift.info(place))
    else:
        headers |= swiftmeta.raw(OBJECT, there, others=False)
    if request.HasField("modified_at"):
        headers[MODIFIED] = seconds(request.modified_at)
    if request.HasField("expires_at"):
        headers[EXPIRES] = objects.as_header(request.expires_at)
    if request.only_if_absent and request.request_id:
        headers[REQUEST] = request.request_id
    return headers
