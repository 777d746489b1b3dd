"""Application credentials: what a user gives to a program in place of a password."""

from collections.abc import Collection
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Any
from uuid import uuid4

from ..cloud import Cloud
from ..core import ApiError, Call, Reply, no_route
from ..items import Item, Row
from .access import METHODS
from .service import ROLES, SERVICE, forbidden, not_found, project_id, role, user_id

COLLECTION = "/users/{user}/application_credentials"
KEYS = {
    "id": str,
    "name": str,
    "description": (str, type(None)),
    "secret": (str, type(None)),
    "project_id": str,
    "roles": list,
    "expires_at": (str, type(None)),
    "unrestricted": (bool, type(None)),
    "access_rules": list,
    "system": (str, type(None)),
}
FAULT = (
    "The server could not comply with the request since it is either malformed or otherwise "
    "incorrect. The client is assumed to be in error."
)


def make(cloud: Cloud, user: str, project: str, held: Collection[str], wanted: Any) -> Item:
    """Add a credential with some of the roles held, or with all. Its secret is kept for tests.

    Raises ApiError as Keystone words it.
    """
    _validate(wanted)
    if cloud.application_credentials.where(_user=user, name=wanted["name"]):
        raise ApiError(
            409,
            "Conflict occurred attempting to store application_credential - Duplicate entry found "
            f"with name {wanted['name']}.",
        )
    roles = _roles(cloud, held, wanted.get("roles") or [])
    ends = _time(wanted["expires_at"]) if wanted.get("expires_at") else None
    secret = wanted.get("secret") or token_urlsafe(64)
    cloud.secrets.add(secret)
    return cloud.application_credentials.add(
        {
            "id": wanted.get("id") or uuid4().hex,
            "name": wanted["name"],
            "description": wanted.get("description"),
            "user_id": user_id(cloud, user),
            "project_id": project_id(cloud, project) if project else None,
            "system": None,
            "expires_at": ends and ends.replace(tzinfo=None).isoformat(timespec="microseconds"),
            "unrestricted": wanted.get("unrestricted"),
            "roles": [
                role(cloud, name)
                | {"domain_id": None, "description": None, "options": {"immutable": True}}
                for name in roles
            ],
            "access_rules": [
                {"id": uuid4().hex} | rule for rule in wanted.get("access_rules") or []
            ],
            "_user": user,
            "_project": project,
            "_roles": {_id(cloud, name) for name in roles},
            "_secret": secret,
            "_ends": ends,
        }
    )


def _validate(wanted: Any) -> None:
    if not isinstance(wanted, dict):
        raise _invalid("application_credential", wanted, f"{wanted!r} is not of type 'object'")
    for name in wanted.keys() - KEYS.keys():
        why = f"Additional properties are not allowed ({name!r} was unexpected)"
        raise _invalid("application_credential", wanted, why)
    if "name" not in wanted:
        raise _invalid("application_credential", wanted, "'name' is a required property")
    for name, value in wanted.items():
        if not isinstance(value, KEYS[name]):  # type: ignore[arg-type]
            raise _invalid(name, value, f"{value!r} is not of the type it must have")
    for rule in wanted.get("access_rules") or []:
        for name in {"service", "method", "path"} - rule.keys():
            raise _invalid("access_rules", rule, f"{name!r} is a required property")
        if rule["method"] not in METHODS:
            why = f"{rule['method']!r} is not one of {list(METHODS)}"
            raise _invalid("method", rule["method"], why)
        if not rule["path"].startswith("/"):
            raise _invalid("path", rule["path"], rf"{rule['path']!r} does not match '^/\\.*'")


def _invalid(field: str, value: Any, why: str) -> ApiError:
    return ApiError(400, f"Invalid input for field/attribute {field}. Value: {value}. {why}")


def _roles(cloud: Cloud, held: Collection[str], wanted: list[Row]) -> list[str]:
    """Names of roles, with those that they imply."""
    names: list[str] = []
    for one in wanted:
        if "name" in one and one["name"] not in ROLES:
            raise ApiError(404, f"Role {one['name']} is not defined")
        known = (name for name in ROLES if one in ({"name": name}, {"id": _id(cloud, name)}))
        name = next(known, "")
        if name not in held:
            raise ApiError(
                400,
                "Invalid application credential: Cannot create an application credential with "
                "unassigned role",
            )
        names += [name for name in ROLES[name] if name not in names]
    return names or list(held)


def _id(cloud: Cloud, name: str) -> str:
    return str(role(cloud, name)["id"])


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        raise ApiError(400, f"Timestamp not in expected format. {FAULT}") from None
    if time < datetime.now(UTC):
        raise ApiError(400, f"The 'expires_at' must not be before now. {FAULT}")
    return time


def _view(call: Call, item: Item, **more: str) -> Row:
    shown = {key: value for key, value in item.items() if not key.startswith("_")}
    if not item["access_rules"]:
        del shown["access_rules"]
    return (
        shown | more | {"links": {"self": f"{call.base}/v3/application_credentials/{item['id']}"}}
    )


def _find(call: Call, action: str) -> Item:
    if call.cloud.profile.old:
        raise no_route()
    item = call.cloud.application_credentials.get(call.args["id"])
    if item is None:
        raise not_found(call.args["id"])
    if item["user_id"] != call.token.user_id and not call.is_admin:
        raise forbidden(f"identity:{action}_application_credential")
    return item


def _may_change(call: Call) -> None:
    credential = call.cloud.application_credentials.get(call.token.application_credential)
    if credential and not credential["unrestricted"]:
        raise forbidden(
            "Using method 'application_credential' is not allowed for managing additional "
            "application credentials."
        )


@SERVICE.route("GET", COLLECTION)
def list_credentials(call: Call) -> Reply:
    if call.cloud.profile.old:
        raise no_route()
    if call.args["user"] != call.token.user_id and not call.is_admin:
        raise forbidden("identity:list_application_credentials")
    wanted = call.query.get("name")
    shown = [
        _view(call, item)
        for item in call.cloud.application_credentials.where(user_id=call.args["user"])
        if wanted in (None, item["name"])
    ]
    links = {"next": None, "self": f"{call.base}{call.full_path}", "previous": None}
    return Reply({"application_credentials": shown, "links": links})


@SERVICE.route("POST", COLLECTION)
def create_credential(call: Call) -> Reply:
    if call.cloud.profile.old:
        raise no_route()
    token = call.token
    if call.args["user"] != token.user_id:
        raise forbidden("identity:create_application_credential")
    _may_change(call)
    wanted = (call.body or {}).get("application_credential", {})
    item = make(call.cloud, token.user, token.project, token.roles, wanted)
    shown = _view(call, item, secret=item["_secret"])
    return Reply({"application_credential": shown}, 201)


@SERVICE.route("GET", COLLECTION + "/{id}")
def show_credential(call: Call) -> Reply:
    return Reply({"application_credential": _view(call, _find(call, "get"))})


@SERVICE.route("DELETE", COLLECTION + "/{id}")
def delete_credential(call: Call) -> Reply:
    item = _find(call, "delete")
    _may_change(call)
    call.cloud.application_credentials.remove(item["id"])
    return Reply(status=204)
