"""Import: what was staged, or what a URL gives, becomes an image's bytes behind the answer."""

import asyncio

from ..cloud import now
from ..content import PIECE, Content, Writer
from ..core import ApiError, Call, Reply
from ..items import Item
from .data import DIGESTS, check_quota, store
from .fetching import Unreachable, fetch, may_be_fetched
from .service import EMPTY, SERVICE, STORE, not_old, own
from .tasks import end, new_task

TASK, IMPORTING, FAILED = (
    "os_glance_import_task",
    "os_glance_importing_to_stores",
    "os_glance_failed_import",
)
MIB = 1 << 20
# What went wrong is in the log alone.
SAYS_NOTHING = "Task failed due to Internal Error"


@SERVICE.route("POST", "/images/{id}/import")
def import_image(call: Call) -> Reply:
    not_old(call)
    body = call.body if isinstance(call.body, dict) else {}
    method = body.get("method")
    if not isinstance(method, dict) or "name" not in method:
        raise ApiError(400, "Import request requires a 'method' field.")
    if method["name"] not in ("glance-direct", "web-download", "copy-image"):
        raise ApiError(400, f"Unknown import method name '{method['name']}'.")
    uri = method.get("uri")
    if method["name"] == "web-download" and not may_be_fetched(uri):
        raise ApiError(400, f"URI for web-download does not pass filtering: {uri}")
    image = own(call, "import_image")
    _check_state(image, method["name"])
    if method["name"] == "copy-image" and not call.is_admin:
        raise ApiError(403, "You are not authorized to complete copy_image action.")
    staged = call.region.image_data.get(image["id"])
    asked = {"image_id": image["id"], "import_req": body, "backend": [STORE]}
    task = new_task(call, "api_image_import", asked, image["id"])
    if method["name"] == "copy-image":
        # There is one store, and it has the bytes.
        end(task, "success", "Copied 0 MiB", {"image_id": image["id"]})
        return Reply(status=202)
    _mark(image, {TASK: task["id"], IMPORTING: STORE, FAILED: ""})
    call.cloud.start(_import(call, image, task, staged, str(uri)))
    return Reply(status=202)


def _check_state(image: Item, method: str) -> None:
    status = image["status"]
    why = ""
    if method == "copy-image":
        if status != "active":
            why = "Only images with status active can be targeted for copying"
    elif status == "active":
        why = "Image with status active cannot be target for import"
    elif method == "web-download" and status != "queued":
        why = "Image needs to be in 'queued' state to use 'web-download' method"
    elif method == "glance-direct" and status != "uploading":
        why = "Image needs to be staged before 'glance-direct' method can be used"
    elif image["_properties"].get(TASK):
        why = "Image has active task"
    else:
        for name in ("container_format", "disk_format"):
            if not image[name]:
                why = why or f"'{name}' needs to be set before import"
    if why:
        raise ApiError(409, why)


def _mark(image: Item, properties: dict[str, str], *gone: str) -> None:
    kept = {name: value for name, value in image["_properties"].items() if name not in gone}
    image.change(_properties=kept | properties, updated_at=now())


async def _import(call: Call, image: Item, task: Item, staged: Content | None, uri: str) -> None:
    task.change(status="processing")
    await asyncio.sleep(call.cloud.settings.import_seconds)
    try:
        content = await _fetched(call, uri) if staged is None else staged
        if staged is not None:
            check_quota(call, staged.size)
    except Unreachable:
        image.change(**EMPTY)
        _mark(image, {IMPORTING: "", FAILED: STORE}, TASK)
        end(task, "failure", SAYS_NOTHING)
        return
    except ApiError as error:
        # Over the quota: what was staged stays.
        _mark(image, {IMPORTING: ""}, TASK)
        end(task, "failure", error.message)
        return
    image.change(status="importing")
    try:
        store(call, image, content, b"".join(content.pieces(0, PIECE)))
    except ApiError:
        # As Glance: the image stays `importing`, and is good for nothing but to be deleted.
        call.region.image_data.pop(image["id"], None)
        _mark(image, {IMPORTING: "", FAILED: STORE}, TASK)
        end(task, "failure", SAYS_NOTHING)
        return
    if call.region.images.get(image["id"]) is not image:
        call.region.image_data.pop(image["id"], None)
    _mark(image, {IMPORTING: "", FAILED: ""}, TASK)
    end(task, "success", f"Copied {content.size // MIB} MiB", {"image_id": image["id"]})


async def _fetched(call: Call, uri: str) -> Content:
    writer = Writer(call.cloud.arena, call.cloud.settings.uploads, *DIGESTS)
    async for piece in fetch(call, uri):
        writer.add(piece)
    return writer.finish()
