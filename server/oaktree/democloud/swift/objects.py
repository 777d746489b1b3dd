"""Objects: uploaded, read, described, deleted."""

from urllib.parse import quote, unquote

from .. import errors
from ..content import Content, Writer
from ..core import ApiError, Call, Reply
from ..faults import lie
from . import copying, slo
from .acl import READ, WRITE
from .bulk import delete_slo
from .containers import ACCEPTED, HTML
from .metadata import check_metadata
from .ranges import failed_condition, spans, stream
from .reading import MANIFEST, Body, Broken, Dynamic, body, opener
from .service import OBJECT, SERVICE, Visit, enter
from .sizes import MAX_OBJECT, MAX_SIZE
from .store import Headers, Object, stamp
from .writing import check_quota, content_type, created, delete_at, kept_headers


@SERVICE.route("PUT", OBJECT, open=True, raw=True)
async def put_object(call: Call) -> Reply:
    visit = enter(call, WRITE)
    container = visit.container
    length = _check_request(call, visit)
    if "x-copy-from" in call.headers:
        source = call.headers["x-copy-from"]
        return copying.copy(visit, source, f"{visit.container_name}/{visit.name}")
    check_quota(container, length or 0)
    if visit.query.get("multipart-manifest") == "put":
        return await slo.put_manifest(visit, kept_headers(call), content_type(call, visit.name))
    content = await _receive(call)
    etag = content.digests["md5"]
    wanted = call.headers.get("etag", etag).strip('"').lower()
    if wanted != etag:
        raise ApiError(422, "")
    etag = lie(call.fault, etag)
    headers = kept_headers(call)
    if MANIFEST in call.headers:
        headers[MANIFEST] = call.headers[MANIFEST]
    made = Object(content, content_type(call, visit.name), etag, headers, stamp(), delete_at(call))
    container.put(visit.name, made)
    return created(made)


async def _receive(call: Call) -> Content:
    writer = Writer(call.cloud.arena, call.cloud.settings.uploads, "md5")
    async for chunk in call.stream():
        writer.add(chunk)
        if writer.size > MAX_SIZE:
            raise ApiError(413, "Your request is too large.")
    return writer.finish()


def _check_request(call: Call, visit: Visit) -> int | None:
    """The length that the request says its body has; None for one in chunks."""
    size = len(visit.name.encode())
    if size > MAX_OBJECT:
        why = f"Object name length of {size} longer than {MAX_OBJECT}"
        raise ApiError(400, why, errors.PLAIN)
    text = call.headers.get("content-length")
    if text is None and "transfer-encoding" not in call.headers:
        raise ApiError(411, "Missing Content-Length header.", errors.PLAIN)
    length = None if text is None else int(text)
    if length is not None and length > MAX_SIZE:
        raise ApiError(413, "Your request is too large.")
    if length and "x-copy-from" in call.headers:
        raise ApiError(400, "Copy requests require a zero byte body", errors.PLAIN)
    delete_at(call)
    check_metadata(call, "object")
    none_match = call.headers.get("if-none-match", "*")
    if none_match != "*":
        raise ApiError(400, "If-None-Match only supports *", errors.PLAIN)
    if "if-none-match" in call.headers and visit.container.get(visit.name):
        raise ApiError(412, "")
    manifest = unquote(call.headers.get(MANIFEST, "container/prefix"))
    if not all(manifest.lstrip("/").partition("/")):
        raise ApiError(400, "X-Object-Manifest must be in the format container/prefix")
    return length


@SERVICE.route("COPY", OBJECT, open=True, raw=True)
def copy_object(call: Call) -> Reply:
    visit = enter(call, READ)
    where = call.headers.get("destination")
    if where is None:
        raise ApiError(412, "Destination header required")
    target = unquote(where).lstrip("/")
    if not all(target.partition("/")):
        form = "<container name>/<object name>"
        raise ApiError(412, f"Destination header must be of the form {form}")
    return copying.copy(visit, quote(f"{visit.container_name}/{visit.name}"), target)


@SERVICE.route("POST", OBJECT, open=True, raw=True)
def change_object(call: Call) -> Reply:
    """All that was said of it before is gone, also when it is to go, and that it has segments
    that no manifest lists, unless that is said again."""
    visit = enter(call, WRITE)
    item = visit.object
    check_metadata(call, "object")
    expires = delete_at(call)
    item.headers = kept_headers(call)
    if MANIFEST in call.headers:
        item.headers[MANIFEST] = call.headers[MANIFEST]
    item.content_type = call.headers.get("content-type") or item.content_type
    item.delete_at = expires
    item.changed = stamp()
    return Reply(ACCEPTED, 202, HTML)


@SERVICE.route("DELETE", OBJECT, open=True, raw=True)
def delete_object(call: Call) -> Reply:
    visit = enter(call, WRITE)
    if visit.query.get("multipart-manifest") == "delete":
        return delete_slo(visit)
    gone = visit.container.remove(visit.name)
    if gone is None or gone.expired:
        raise ApiError(404, "")
    return Reply(status=204)


@SERVICE.route("HEAD", OBJECT, open=True)
@SERVICE.route("GET", OBJECT, open=True)
def show_object(call: Call) -> Reply:
    visit = enter(call, READ)
    item = visit.object
    if item.segments is not None and visit.query.get("multipart-manifest") == "get":
        return slo.show_manifest(visit, item)
    headers = _facts(item)
    whole: Body = body(item, opener(visit))
    if item.segments is not None:
        headers |= {
            "etag": item.slo_etag,
            "x-static-large-object": "True",
            "x-manifest-etag": item.etag,
        }
    elif MANIFEST in item.headers and visit.query.get("multipart-manifest") != "get":
        try:
            whole = dynamic = Dynamic(visit.account, item.headers[MANIFEST], opener(visit))
        except Broken:
            raise ApiError(409, "") from None
        headers["etag"] = dynamic.etag
    if visit.ticket:
        headers = visit.ticket.dress(headers, visit.name)
    status = failed_condition(call.headers, item, headers["etag"])
    if status:
        return Reply(b"", status, headers)
    if call.method == "HEAD":
        return Reply(b"", 200, headers | {"content-length": str(whole.size)})
    wanted = spans(call.headers.get("range"), whole.size)
    if wanted == []:
        page = errors.object_store(ApiError(416, ""))[0]
        return Reply(page, 416, headers | {"content-range": f"bytes */{whole.size}"})
    status, sent = stream(whole, wanted, headers)
    return Reply(sent, status, headers)


def _facts(item: Object) -> Headers:
    facts = {
        "content-type": item.content_type,
        "etag": item.etag,
        "last-modified": item.changed.modified,
        "x-timestamp": item.changed.header,
        "accept-ranges": "bytes",
        **item.headers,
    }
    return facts if item.delete_at is None else facts | {"x-delete-at": str(item.delete_at)}
