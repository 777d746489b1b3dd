"""Static large objects: their manifests, checked as they come, and shown."""

import hashlib
import json
from base64 import b64decode
from math import ceil
from typing import Any

import orjson

from ..content import Writer
from ..core import ApiError, Reply
from ..errors import JSON, PLAIN, STANDING, title
from ..items import Row
from .listing import YES
from .reading import parts, span
from .service import Visit
from .sizes import MAX_MANIFEST, MAX_SEGMENTS
from .store import Headers, Object, Stamp, stamp
from .summary import summary
from .writing import created, delete_at

KEYS = {"path", "etag", "size_bytes", "range"}
Errors = list[tuple[str, str]]


async def put_manifest(visit: Visit, headers: Headers, content_type: str) -> Reply:
    call = visit.call
    raw = b""
    async for chunk in call.stream():
        raw += chunk
        if len(raw) > MAX_MANIFEST:
            raise ApiError(413, f"Manifest must be <= {MAX_MANIFEST} bytes.")
    segments, errors = _checked(visit, _parsed(visit, raw))
    if call.query.get("heartbeat", "").lower() not in YES:
        if errors:
            raise _refused(call.headers.get("accept", ""), errors)
        return created(_store(visit, headers, content_type, segments))
    # The answer began before the segments were looked at: how that went is in its body.
    if errors:
        status = "400 Bad Request"
        return summary(call, status, f"Bad Request\n{STANDING[400]}", {}, errors, beats=True)
    try:
        made = _store(visit, headers, content_type, segments)
    except ApiError as error:
        status = f"{error.status} {title(error.status)}"
        return summary(call, status, STANDING[error.status], {}, [], beats=True)
    told = {"Etag": made.slo_etag, "Last Modified": made.changed.modified}
    return summary(call, "201 Created", "", told, [], beats=True)


def _refused(accept: str, errors: Errors) -> ApiError:
    if "application/json" in accept:
        return ApiError(400, orjson.dumps({"Errors": errors}).decode(), JSON)
    return ApiError(400, "Errors:\n" + "".join(f"{a}, {b}\n" for a, b in errors), PLAIN)


def _parsed(visit: Visit, raw: bytes) -> list[Row]:
    """Raises ApiError 400 for what cannot be a manifest, whatever is there; 413 for too long."""
    try:
        manifest = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise ApiError(400, "Manifest must be valid JSON.\n") from None
    if not isinstance(manifest, list):
        raise ApiError(400, "Manifest must be a list.\n")
    wrong = []
    for number, segment in enumerate(manifest):
        why = _wrong(visit, segment)
        if why:
            wrong.append(f"Index {number}: {why}\n")
    if wrong:
        raise ApiError(400, "".join(wrong), PLAIN)
    if len([one for one in manifest if "path" in one]) > MAX_SEGMENTS:
        raise ApiError(413, f"Number of object-backed segments must be <= {MAX_SEGMENTS}")
    return manifest


def _wrong(visit: Visit, segment: Any) -> str:
    if not isinstance(segment, dict):
        return "not a JSON object"
    if "data" in segment:
        try:
            return "" if b64decode(segment["data"], validate=True) else "data is empty"
        except (TypeError, ValueError):
            return "data must be valid base64"
    if "path" not in segment:
        return 'missing keys "path"'
    extra = sorted(segment.keys() - KEYS)
    if extra:
        return f'extraneous keys "{", ".join(extra)}"'
    if not isinstance(segment["path"], str) or not all(parts(segment["path"])):
        return "path does not refer to an object. Path must be of the form /container/object."
    if parts(segment["path"]) == (visit.container_name, visit.name):
        return "manifest must not include itself as a segment"
    size = segment.get("size_bytes")
    if size is not None and not isinstance(size, int):
        return "invalid size_bytes"
    if size is not None and size < 1:
        return "too small; each segment must be at least 1 byte."
    return ""


def _checked(visit: Visit, manifest: list[Row]) -> tuple[list[Row], Errors]:
    """The segments as they are stored, and what of them is not as the manifest says."""
    segments: list[Row] = []
    errors: Errors = []
    for asked in manifest:
        if "data" in asked:
            segments.append({"data": asked["data"]})
            continue
        container_name, name = parts(asked["path"])
        path = f"/{container_name}/{name}"
        container = visit.account.containers.get(container_name)
        item = container.get(name) if container else None
        if item is None or not visit.may_read(container_name):
            errors.append((path, "404 Not Found"))
            continue
        etag, size = item.etag, item.content.size
        if item.segments is not None:
            etag, size = item.slo_etag.strip('"'), item.slo_size
        if asked.get("size_bytes") not in (None, size):
            errors.append((path, "Size Mismatch"))
        if asked.get("etag") not in (None, etag):
            errors.append((path, "Etag Mismatch"))
        segment = {
            "name": path,
            "bytes": size,
            "hash": etag,
            "content_type": item.content_type,
            "last_modified": Stamp(ceil(item.changed.at)).listed,
        }
        if asked.get("range"):
            reach = _range(asked["range"], size)
            if reach is None:
                errors.append((path, "Unsatisfiable Range"))
            else:
                segment["range"] = reach
        segments.append(segment)
    return segments, errors


def _range(text: str, size: int) -> str | None:
    first, _, last = text.partition("-")
    if not first:
        return f"{max(0, size - int(last))}-{size - 1}" if last.isdecimal() and int(last) else None
    end = min(int(last), size - 1) if last else size - 1
    return f"{int(first)}-{end}" if int(first) <= end else None


def _store(visit: Visit, headers: Headers, content_type: str, segments: list[Row]) -> Object:
    """Raises ApiError 422 where the whole's checksum is not the one the request gives."""
    call = visit.call
    etag = _etag(segments)
    if call.headers.get("etag", etag).strip('"').lower() != etag:
        raise ApiError(422, "")
    writer = Writer(call.cloud.arena, "kept", "md5")
    writer.add(json.dumps(segments).encode())
    content = writer.finish()
    etag_of_manifest, expires = content.digests["md5"], delete_at(call)
    made = Object(content, content_type, etag_of_manifest, headers, stamp(), expires)
    made.segments, made.slo_etag = segments, f'"{etag}"'
    made.slo_size = sum(last - first for first, last in map(span, segments))
    visit.container.put(visit.name, made)
    return made


def _etag(segments: list[Row]) -> str:
    state = hashlib.md5(usedforsecurity=False)
    for one in segments:
        if "data" in one:
            data = hashlib.md5(b64decode(one["data"]), usedforsecurity=False)
            state.update(data.hexdigest().encode())
        else:
            reach = f":{one['range']};" if "range" in one else ""
            state.update(f"{one['hash']}{reach}".encode())
    return state.hexdigest()


def show_manifest(visit: Visit, item: Object) -> Reply:
    assert item.segments is not None
    headers = {
        "content-type": "application/json; charset=utf-8",
        "x-static-large-object": "True",
        "etag": item.etag,
        "last-modified": item.changed.modified,
        "x-timestamp": item.changed.header,
        **item.headers,
    }
    body = b"".join(item.content.pieces())
    if visit.query.get("format") == "raw":
        # As a client would put it again.
        body = json.dumps([_as_put(one) for one in item.segments]).encode()
        digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
        headers |= {"content-type": item.content_type, "etag": digest}
    return Reply(body, 200, headers)


def _as_put(segment: Row) -> Row:
    if "data" in segment:
        return segment
    put = {"path": segment["name"], "etag": segment["hash"], "size_bytes": segment["bytes"]}
    return put | ({"range": segment["range"]} if "range" in segment else {})
