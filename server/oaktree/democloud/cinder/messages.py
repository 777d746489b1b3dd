"""What Cinder keeps for a user to learn why something failed that had been accepted."""

from datetime import UTC, datetime, timedelta

from ..cloud import new_id
from ..core import ApiError, Call, Reply
from ..items import Item, Row
from . import store
from .service import SERVICE, root

# A volume that fits nowhere: what was done, and what came in between.
EVENT = "VOLUME_VOLUME_001_003"
TEXT = "schedule allocate volume:Could not find any available weighted backend."
KEPT = timedelta(days=30)
FILTERS = ("resource_uuid", "resource_type", "event_id", "request_id", "message_level")


def leave(call: Call, volume: Item, text: str) -> None:
    """A message about a volume that ended in error; Cinder's own text where none is given."""
    expires = (datetime.now(UTC) + KEPT).replace(tzinfo=None)
    call.region.messages.add(
        {
            "id": new_id(),
            "event_id": EVENT,
            "user_message": text or TEXT,
            "message_level": "ERROR",
            "created_at": store.stamp(),
            "guaranteed_until": expires.isoformat(timespec="seconds") + ".000000",
            "request_id": call.request_id,
            "resource_type": "VOLUME",
            "resource_uuid": volume["id"],
            "project_id": volume["project_id"],
        }
    )


def _view(call: Call, message: Item) -> Row:
    key = message["id"]
    links = [
        {"rel": "self", "href": f"{root(call)}/messages/{key}"},
        {"rel": "bookmark", "href": f"{call.base}/{call.project}/messages/{key}"},
    ]
    return {key: value for key, value in message.items() if key != "project_id"} | {"links": links}


def _check(call: Call) -> None:
    if not call.at_least(3, 3):
        asked = ".".join(map(str, call.version or (2, 0)))
        raise ApiError(404, f"API version '{asked}' is not supported on this method.")


@SERVICE.route("GET", "/messages")
def list_messages(call: Call) -> Reply:
    _check(call)
    found = call.region.messages.where(project_id=call.project)
    # Filters came with 3.5, and are not looked at before it.
    wanted = {key: call.query[key] for key in FILTERS if key in call.query}
    if call.at_least(3, 5):
        found = [one for one in found if wanted.items() <= one.items()]
    found.sort(key=lambda one: (str(one["created_at"]), str(one["id"])), reverse=True)
    return Reply({"messages": [_view(call, one) for one in found]})


@SERVICE.route("GET", "/messages/{id}")
def show_message(call: Call) -> Reply:
    _check(call)
    return Reply({"message": _view(call, _find(call))})


@SERVICE.route("DELETE", "/messages/{id}")
def delete_message(call: Call) -> Reply:
    _check(call)
    call.region.messages.remove(_find(call)["id"])
    return Reply(status=204)


def _find(call: Call) -> Item:
    message = call.region.messages.get(call.args["id"])
    if message is None or message["project_id"] != call.project:
        raise ApiError(404, f"Message {call.args['id']} could not be found.")
    return message
