"""Users, as they see themselves and as an admin sees them."""

from ..core import ApiError, Call, Reply
from ..items import Row
from .service import DOMAIN, SERVICE, forbidden, user_id


@SERVICE.route("GET", "/users")
def list_users(call: Call) -> Reply:
    if not call.is_admin:
        raise forbidden("identity:list_users")
    wanted = call.query.get("name")
    shown = [_view(call, name) for name in call.cloud.users if wanted in (None, name)]
    links = {"next": None, "self": f"{call.base}/v3/users", "previous": None}
    return Reply({"users": shown, "links": links})


@SERVICE.route("GET", "/users/{user}")
def show_user(call: Call) -> Reply:
    key = call.args["user"]
    if key != call.token.user_id and not call.is_admin:
        raise forbidden("identity:get_user")
    for name in call.cloud.users:
        if user_id(call.cloud, name) == key:
            return Reply({"user": _view(call, name)})
    raise ApiError(404, f"Could not find user: {key}.")


def _view(call: Call, name: str) -> Row:
    key = user_id(call.cloud, name)
    return {
        "id": key,
        "name": name,
        "domain_id": DOMAIN["id"],
        "enabled": True,
        "password_expires_at": None,
        "options": {},
        "links": {"self": f"{call.base}/v3/users/{key}"},
    }
