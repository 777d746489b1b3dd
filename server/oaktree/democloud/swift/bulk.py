"""Many objects deleted by one request: those of a list, or a large object with its segments."""

from dataclasses import dataclass, field
from urllib.parse import unquote

from ..core import ApiError, Call, Reply
from .accounts import change_account
from .reading import parts
from .service import ACCOUNT, SERVICE, Visit, enter
from .sizes import MAX_DELETES
from .summary import summary


@dataclass
class Tally:
    deleted: int = 0
    missing: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)

    def reply(self, call: Call, status: str = "", text: str = "") -> Reply:
        told = {"Number Deleted": self.deleted, "Number Not Found": self.missing}
        status = status or ("400 Bad Request" if self.errors else "200 OK")
        return summary(call, status, text, told, self.errors)


@SERVICE.route("DELETE", ACCOUNT, open=True, raw=True)
@SERVICE.route("POST", ACCOUNT, open=True, raw=True)
async def change_or_delete(call: Call) -> Reply:
    visit = enter(call)
    if "bulk-delete" in visit.query:
        return await _bulk_delete(visit)
    if call.method == "DELETE":
        raise ApiError(405, "", headers={"allow": "GET, HEAD, POST"})
    return change_account(visit)


async def _bulk_delete(visit: Visit) -> Reply:
    """Each line names a container, or an object in one, escaped."""
    call, tally = visit.call, Tally()
    if call.headers.get("content-type", "text/plain").partition(";")[0] != "text/plain":
        return tally.reply(call, "406 Not Acceptable")
    raw = b"".join([chunk async for chunk in call.stream()])
    lines = [line.strip() for line in raw.decode("utf-8", "replace").split("\n")]
    paths = [unquote(line) for line in lines if line]
    if not paths:
        return tally.reply(call, "400 Bad Request", "Invalid bulk delete.")
    if len(paths) > MAX_DELETES:
        text = f"Maximum Bulk Deletes: {MAX_DELETES} per request"
        return tally.reply(call, "413 Request Entity Too Large", text)
    for path in paths:
        _delete(visit, path, tally)
    return tally.reply(call)


def _delete(visit: Visit, path: str, tally: Tally) -> None:
    container_name, name = parts(path)
    containers = visit.account.containers
    container = containers.get(container_name)
    if container is None or (name and container.get(name) is None):
        tally.missing += 1
        if container:
            # One that has expired goes, too.
            container.remove(name)
    elif name:
        container.remove(name)
        tally.deleted += 1
    elif container.objects:
        tally.errors.append((path, "409 Conflict"))
    else:
        del containers[container_name]
        tally.deleted += 1


def delete_slo(visit: Visit) -> Reply:
    """With everything its manifest names; what that is the manifest of goes as well."""
    tally = Tally()
    path = f"/{visit.container_name}/{visit.name}"
    item = visit.container.get(visit.name)
    if item is not None and item.segments is None:
        tally.errors.append((path, "Not an SLO manifest"))
    else:
        _delete_all(visit, path, tally)
    return tally.reply(visit.call)


def _delete_all(visit: Visit, path: str, tally: Tally) -> None:
    container_name, name = parts(path)
    container = visit.account.containers.get(container_name)
    item = container.get(name) if container else None
    for segment in (item.segments if item else None) or ():
        if "name" in segment:
            _delete_all(visit, segment["name"], tally)
    _delete(visit, path, tally)
