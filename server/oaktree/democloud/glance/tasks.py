"""Tasks: what Glance does behind its answers, and the way in for images where that is by a task."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from ..cloud import new_id
from ..content import Writer
from ..core import ApiError, Call, Reply
from ..items import Item, Row
from .data import DIGESTS, check_quota, store
from .fetching import Unreachable, fetch
from .service import SERVICE, find, new_image, not_old

FORMAT = "%Y-%m-%dT%H:%M:%S.000000"
LIFE = timedelta(days=2)


def new_task(call: Call, kind: str, asked: Row, image_id: str | None = None) -> Item:
    stamp = datetime.now(UTC).strftime(FORMAT)
    return call.region.image_tasks.add(
        {
            "id": new_id(),
            "type": kind,
            "status": "pending",
            "owner": call.project,
            "image_id": image_id,
            "request_id": call.request_id,
            "user_id": call.token.user_id,
            "input": asked,
            "result": None,
            "message": "",
            "created_at": stamp,
            "updated_at": stamp,
            "expires_at": None,
            "deleted": False,
            "deleted_at": None,
        }
    )


def end(task: Item, status: str, message: str, result: Row | None = None) -> None:
    """`success` or `failure`; how it went is told for two days."""
    time = datetime.now(UTC)
    task.change(
        status=status,
        message=message,
        result=result,
        updated_at=time.strftime(FORMAT),
        expires_at=(time + LIFE).strftime(FORMAT),
    )


@SERVICE.route("GET", "/images/{id}/tasks")
def of_image(call: Call) -> Reply:
    """What was done to an image in the background, and how it ended; an import, say."""
    not_old(call)
    image = find(call)
    return Reply({"tasks": call.region.image_tasks.where(image_id=image["id"], owner=call.project)})


def _allowed(call: Call) -> None:
    settings, profile = call.cloud.settings, call.cloud.profile
    # Until Liberty everybody could; since then, only where a deployer says so.
    if not (call.is_admin or profile.old or settings.upload_by_task):
        raise ApiError(403, "You are not authorized to complete tasks_api_access action.")


def _view(task: Item) -> Row:
    """Without what only /images/{id}/tasks tells."""
    inner = ("image_id", "request_id", "user_id", "deleted", "deleted_at")
    shown = {name: value for name, value in task.items() if name not in inner}
    return shown | {"self": f"/v2/tasks/{task['id']}", "schema": "/v2/schemas/task"}


@SERVICE.route("GET", "/tasks")
def list_tasks(call: Call) -> Reply:
    _allowed(call)
    own = call.region.image_tasks.where(owner=call.project)
    wanted = [name for name in ("status", "type") if name in call.query]
    tasks = [
        {name: value for name, value in _view(task).items() if name not in ("input", "result")}
        for task in reversed(own)
        if all(task[name] == call.query[name] for name in wanted)
    ]
    return Reply({"tasks": tasks, "first": "/v2/tasks", "schema": "/v2/schemas/tasks"})


@SERVICE.route("GET", "/tasks/{id}")
def show_task(call: Call) -> Reply:
    _allowed(call)
    task = call.region.image_tasks.get(call.args["id"])
    if task is None or task["owner"] != call.project:
        raise ApiError(404, f"No task found with ID {call.args['id']}")
    return Reply(_view(task))


@SERVICE.route("POST", "/tasks")
def create_task(call: Call) -> Reply:
    _allowed(call)
    body = call.body if isinstance(call.body, dict) else {}
    kind, asked = body.get("type"), body.get("input")
    if kind != "import" or not isinstance(asked, dict):
        raise ApiError(400, f"Task does not support type {kind} with this input")
    for name in ("import_from", "import_from_format", "image_properties"):
        if name not in asked and not (name == "import_from_format" and call.cloud.profile.old):
            raise ApiError(400, f"Input does not contain '{name}' field")
    task = new_task(call, kind, asked)
    call.cloud.start(_import(call, task))
    return Reply(_view(task), 201)


async def _import(call: Call, task: Item) -> None:
    """An image from an object of the project, which `container/object` names, or from a URL."""
    task.change(status="processing")
    asked = task["input"]
    writer = Writer(call.cloud.arena, call.cloud.settings.uploads, *DIGESTS)
    values = _fields(asked)
    try:
        await asyncio.sleep(call.cloud.settings.import_seconds)
        async for piece in fetch(call, str(asked["import_from"])):
            writer.add(piece)
        check_quota(call, writer.size)
        image = new_image(call.region, task["owner"], **values)
        try:
            store(call, image, writer.finish(), writer.head)
        except ApiError:
            call.region.images.remove(image["id"])
            raise
    except (Unreachable, ApiError) as error:
        end(task, "failure", f"Error: {error}")
        return
    task.change(image_id=image["id"])
    end(task, "success", "", {"image_id": image["id"]})


def _fields(asked: Row) -> dict[str, Any]:
    """An image's fields, from those of a task; what is no field is a property."""
    values = dict(asked["image_properties"])
    own = ("name", "id", "visibility", "tags", "min_disk", "min_ram", "protected")
    fields = {name: values.pop(name) for name in own if name in values}
    disk = values.pop("disk_format", None) or asked.get("import_from_format") or "vhd"
    container = values.pop("container_format", None) or "bare"
    return {
        **fields,
        "disk_format": disk,
        "container_format": container,
        "_properties": {name: str(value) for name, value in values.items()},
    }
