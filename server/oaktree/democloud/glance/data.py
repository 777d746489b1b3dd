"""The bytes of an image: uploaded, staged for an import, downloaded."""

import re

from .. import errors
from ..cloud import now
from ..content import Content, Writer
from ..core import ApiError, Call, Reply, Stream
from ..faults import lie
from ..items import Item, Row
from ..sending import WorkerKilled
from .formats import virtual_size
from .service import EMPTY, SERVICE, find, not_old, own, used

MIB = 1 << 20
DIGESTS = ("md5", "sha512")


@SERVICE.route("PUT", "/images/{id}/file", raw=True)
async def upload(call: Call) -> Reply:
    size = _promised(call)
    check_quota(call, size or 0)
    image = _begin(call, "saving", "upload_image")
    writer = await _receive(call, image, bound=size is None)
    if call.region.images.get(image["id"]) is not image:
        raise ApiError(
            410,
            f"Image {image['id']} could not be found after upload. The image may have been "
            "deleted during the upload, cleaning up the chunks uploaded.",
        )
    try:
        store(call, image, writer.finish(), writer.head)
    except ApiError:
        _put_back(image)
        raise
    return Reply(status=204)


@SERVICE.route("PUT", "/images/{id}/stage", raw=True)
async def stage(call: Call) -> Reply:
    not_old(call)
    _promised(call)
    image = _begin(call, "uploading", "upload_image")
    writer = await _receive(call, image, bound=False)
    if call.region.images.get(image["id"]) is image:
        call.region.image_data[image["id"]] = writer.finish()
        image.change(size=writer.size, updated_at=now())
    return Reply(status=204)


def _promised(call: Call) -> int | None:
    """How many bytes the request says it brings, if it says."""
    if call.headers.get("content-type") != "application/octet-stream":
        raise ApiError(
            415, f"Invalid content type {call.headers.get('content-type')}", errors.DETAIL
        )
    expected = _expected(call)
    if "transfer-encoding" in call.headers:
        return expected
    return int(call.headers.get("content-length", 0))


def _expected(call: Call) -> int | None:
    text = call.headers.get("x-openstack-image-size")
    try:
        return None if text is None else int(text)
    except ValueError:
        raise ApiError(400, "Invalid or missing image size in request headers.") from None


def check_quota(call: Call, size: int) -> None:
    limit = call.cloud.settings.quota["image_size_total"]
    present = used(call.region, call.project)
    if 0 <= limit * MIB < present + size:
        before, added = present // MIB, -(-size // MIB)
        raise ApiError(
            413,
            f"Project {call.project} is over a limit for [Resource image_size_total is over limit "
            f"of {limit} due to current usage {before} and delta {added}]",
        )


def _begin(call: Call, status: str, what: str) -> Item:
    image = own(call, what)
    if call.cloud.settings.upload_by_task and not call.is_admin:
        raise ApiError(403, f"You are not authorized to complete {what} action.")
    if image["status"] != "queued":
        raise ApiError(
            409, f"Image status transition from {image['status']} to {status} is not allowed"
        )
    missing = [name for name in ("disk_format", "container_format") if not image[name]]
    if missing:
        word = "Properties" if len(missing) > 1 else "Property"
        raise ApiError(400, f"{word} {', '.join(missing)} must be set prior to saving data.")
    image.change(status=status, updated_at=now())
    return image


async def _receive(call: Call, image: Item, *, bound: bool) -> Writer:
    """The bytes. An upload that was broken off may be begun again, unless what broke it off was
    the quota or the end of the worker: then the image stays as it is."""
    writer = Writer(call.cloud.arena, call.cloud.settings.uploads, *DIGESTS)
    try:
        async for chunk in call.stream():
            writer.add(chunk)
            if bound:
                check_quota(call, writer.size)
    except (ApiError, WorkerKilled):
        raise
    except BaseException:
        _put_back(image)
        raise
    expected = _expected(call)
    if expected is not None and expected != writer.size:
        _put_back(image)
        how = "Size mismatch" if expected > writer.size else "Size exceeds"
        raise ApiError(400, f"{how}: expected {expected} bytes, got {writer.size} bytes")
    return writer


def _put_back(image: Item) -> None:
    image.change(**EMPTY, updated_at=now())


def store(call: Call, image: Item, content: Content, head: bytes | bytearray) -> None:
    """Make the image active. Raises ApiError 415 where the bytes are not of its format."""
    virtual = None
    if not call.cloud.profile.old:
        virtual = virtual_size(
            image["disk_format"], image["container_format"], bytes(head), content.size
        )
    call.region.image_data[image["id"]] = content
    image.change(
        status="active",
        size=content.size,
        virtual_size=virtual,
        checksum=lie(call.fault, content.digests["md5"]),
        os_hash_algo="sha512",
        os_hash_value=lie(call.fault, content.digests["sha512"]),
        updated_at=now(),
    )


@SERVICE.route("GET", "/images/{id}/file")
def download(call: Call) -> Reply:
    image = find(call)
    if image["status"] == "deactivated" and not call.is_admin:
        raise ApiError(
            403, "The requested image has been deactivated. Image data download is forbidden."
        )
    content = call.region.image_data.get(image["id"])
    if content is None or image["status"] not in ("active", "deactivated"):
        return Reply(status=204)
    headers: Row = {"content-type": "application/octet-stream"}
    if image["checksum"]:
        headers["content-md5"] = image["checksum"]
    asked = call.headers.get("range")
    if asked is None:
        return Reply(Stream(content.size, content.pieces()), headers=headers)
    start, stop = _range(asked, content.size)
    headers["content-range"] = f"bytes {start}-{stop - 1}/{content.size}"
    return Reply(Stream(stop - start, content.pieces(start, stop)), 206, headers)


def _range(text: str, size: int) -> tuple[int, int]:
    if "," in text:
        raise ApiError(
            400,
            "Requests with multiple ranges are not supported in Glance. You may make multiple "
            "single-range requests instead.",
        )
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", text.strip())
    first, last = match.groups() if match else ("", "")
    if not (first or last) or (first and last and int(last) < int(first)):
        raise ApiError(416, "Invalid Range header.", errors.DETAIL)
    if not first:
        # None at all of the last bytes are all of them, there.
        return max(0, size - int(last)) if int(last) else 0, size
    if int(first) >= size:
        raise ApiError(
            416,
            "Invalid start position in Range header. Start position MUST be in the inclusive "
            f"range [0, {size - 1}].",
            errors.DETAIL,
        )
    return int(first), min(int(last) + 1, size) if last else size
