"""Containers: made, listed, changed, deleted."""

from ..core import ApiError, Call, Reply
from ..items import Row
from .acl import READ, WRITE
from .listing import listed
from .metadata import asked_headers, check_metadata
from .service import CONTAINER, SERVICE, Visit, enter
from .sizes import MAX_CONTAINER
from .store import Container, Headers, change_headers, stamp

KEPT = ("x-container-meta-", READ, WRITE)
ACCEPTED = b"<html><h1>Accepted</h1><p>The request is accepted for processing.</p></html>"
HTML = {"content-type": "text/html; charset=UTF-8"}


@SERVICE.route("PUT", CONTAINER, open=True, raw=True)
def make_container(call: Call) -> Reply:
    """One that is there is changed, as by POST."""
    visit = enter(call)
    length = len(visit.container_name.encode())
    if length > MAX_CONTAINER:
        raise ApiError(400, f"Container name length of {length} longer than {MAX_CONTAINER}")
    check_metadata(call, "container")
    asked = asked_headers(call)
    new = visit.container_name not in visit.account.containers
    container = visit.account.containers.setdefault(visit.container_name, Container())
    change_headers(container.headers, asked, KEPT)
    return Reply(b"", 201, HTML) if new else Reply(ACCEPTED, 202, HTML)


@SERVICE.route("POST", CONTAINER, open=True, raw=True)
def change_container(call: Call) -> Reply:
    visit = enter(call)
    container = visit.container
    check_metadata(call, "container")
    change_headers(container.headers, asked_headers(call), KEPT)
    container.changed = stamp()
    return Reply(status=204)


@SERVICE.route("DELETE", CONTAINER, open=True)
def delete_container(call: Call) -> Reply:
    visit = enter(call)
    if visit.container.objects:
        raise ApiError(409, "")
    del visit.account.containers[visit.container_name]
    return Reply(status=204)


@SERVICE.route("HEAD", CONTAINER, open=True)
def show_container(call: Call) -> Reply:
    kind = {"content-type": "text/plain; charset=utf-8"}
    return Reply(status=204, headers=_facts(enter(call, READ)) | kind)


@SERVICE.route("GET", CONTAINER, open=True)
def list_objects(call: Call) -> Reply:
    visit = enter(call, READ)
    container = visit.container

    def row(name: str) -> Row:
        one = container.objects[name]
        shown = {
            "bytes": one.slo_size if one.segments is not None else one.content.size,
            "hash": one.etag,
            "name": name,
            "content_type": one.content_type,
            "last_modified": one.changed.listed,
        }
        return shown | ({"slo_etag": one.slo_etag} if one.segments is not None else {})

    return listed(call, visit.query, _facts(visit), container.names, row)


def _facts(visit: Visit) -> Headers:
    container = visit.container
    return {
        "x-container-object-count": str(len(container.objects)),
        "x-container-bytes-used": str(container.size),
        "x-timestamp": container.made.header,
        "last-modified": container.changed.modified,
        "accept-ranges": "bytes",
        "x-storage-policy": "Policy-0",
        **visit.shown(container.headers),
    }
