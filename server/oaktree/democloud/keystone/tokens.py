"""Tokens: given for a password, an application credential or another token."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from ..core import ApiError, Call, Reply
from ..items import Row
from .catalog import catalog
from .service import (
    DOMAIN,
    PASSWORD,
    PROJECTS,
    ROLES,
    SERVICE,
    USERS,
    Token,
    forbidden,
    project_id,
    role,
    unauthorized,
    user_id,
)


@SERVICE.route("POST", "/auth/tokens", open=True)
def create_token(call: Call) -> Reply:
    try:
        auth = call.body["auth"]
        identity = auth["identity"]
        methods = tuple(identity["methods"])
    except (KeyError, TypeError):
        raise ApiError(400, "'identity' is a required property") from None
    credential = ""
    project = None
    if "password" in methods:
        user = _named(call, identity["password"]["user"], USERS, user_id)
        if identity["password"]["user"].get("password") != PASSWORD:
            raise unauthorized(call)
    elif "token" in methods:
        old = call.cloud.tokens.get(identity["token"]["id"])
        if old is None:
            raise unauthorized(call)
        if old.application_credential:
            raise ApiError(
                403,
                "Using method 'application_credential' is not allowed for managing "
                "additional application credentials.",
            )
        user = old.user
    elif "application_credential" in methods:
        found = _credential(call, identity["application_credential"])
        user, project, credential = found["user"], found["project"], found["id"]
    else:
        raise unauthorized(call)
    scope = auth.get("scope")
    if isinstance(scope, dict) and "project" in scope:
        project = _named(call, scope["project"], dict.fromkeys(PROJECTS), project_id)
    if project is not None and project not in USERS[user]:
        raise unauthorized(call)
    issued = datetime.now(UTC)
    token = Token(
        id="gAAAAA" + uuid4().hex * 2,
        user=user,
        project=project or "",
        project_id=project_id(call.cloud, project) if project else "",
        user_id=user_id(call.cloud, user),
        roles=ROLES[USERS[user][project]] if project else (),
        methods=methods,
        issued=issued,
        expires=issued + timedelta(seconds=call.cloud.settings.token_seconds),
        application_credential=credential,
    )
    call.cloud.tokens[token.id] = token
    return Reply(
        {"token": view(call, token)}, 201, {"x-subject-token": token.id, "vary": "X-Auth-Token"}
    )


def _named(call: Call, wanted: Row, known: dict[str, Any], make_id: Any) -> str:
    """A user or a project, by id or by name. Raises ApiError 401, as one never learns which."""
    for name in known:
        if wanted.get("id") == make_id(call.cloud, name) or (
            wanted.get("name") == name
            and (wanted.get("domain") or DOMAIN).get("name", "Default") == DOMAIN["name"]
            and (wanted.get("domain") or DOMAIN).get("id", "default") == DOMAIN["id"]
        ):
            return name
    raise unauthorized(call)


def _credential(call: Call, wanted: Row) -> Row:
    for item in call.cloud.application_credentials:
        by_name = item["name"] == wanted.get("name") and "user" in wanted
        if (item["id"] == wanted.get("id") or by_name) and item["secret"] == wanted.get("secret"):
            return item
    raise unauthorized(call)


def view(call: Call, token: Token) -> Row:
    cloud = call.cloud
    shown: Row = {
        "methods": list(token.methods),
        "user": {
            "domain": DOMAIN,
            "id": token.user_id,
            "name": token.user,
            "password_expires_at": None,
        },
        "audit_ids": [token.id[6:28]],
        "expires_at": stamp(token.expires),
        "issued_at": stamp(token.issued),
    }
    if token.project:
        shown["project"] = {"domain": DOMAIN, "id": token.project_id, "name": token.project}
        shown["is_domain"] = False
        shown["roles"] = [role(cloud, name) for name in token.roles]
        if "nocatalog" not in call.query:
            shown["catalog"] = catalog(cloud, token.project_id)
    if token.application_credential:
        item = cloud.application_credentials.get(token.application_credential)
        assert item is not None
        shown["application_credential"] = {
            "id": item["id"],
            "name": item["name"],
            "restricted": True,
        }
    return shown


def stamp(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


@SERVICE.route("GET", "/auth/tokens")
@SERVICE.route("HEAD", "/auth/tokens")
def show_token(call: Call) -> Reply:
    subject = call.headers.get("x-subject-token", "")
    token = call.cloud.tokens.get(subject)
    if not call.is_admin and (not subject or (token and token.user != call.token.user)):
        raise forbidden("validate_token")
    if token is None or token.expires <= datetime.now(UTC):
        raise ApiError(404, "This is not a recognized Fernet token.")
    return Reply(
        {"token": view(call, token)}, 200, {"x-subject-token": token.id, "vary": "X-Auth-Token"}
    )


@SERVICE.route("DELETE", "/auth/tokens")
def revoke_token(call: Call) -> Reply:
    call.cloud.tokens.pop(call.headers.get("x-subject-token", ""), None)
    return Reply(status=204)
