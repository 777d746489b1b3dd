"""Who there is: users, projects, roles, tokens, and the check every service makes."""

from dataclasses import dataclass
from datetime import UTC, datetime

from .. import errors
from ..cloud import Cloud
from ..core import ApiError, Call, Service
from ..items import Item, Row
from .access import allows

DOMAIN = {"id": "default", "name": "Default"}
PASSWORD = "democloud"
# user: its role in each of its projects
USERS: dict[str, dict[str, str]] = {
    "admin": {"admin": "admin", "demo": "admin", "other": "admin"},
    "demo": {"demo": "member", "other": "member"},
    "other": {"other": "member"},
    "reader": {"demo": "reader"},
}
ROLES = {
    "admin": ("admin", "manager", "member", "reader"),
    "manager": ("manager", "member", "reader"),
    "member": ("member", "reader"),
    "reader": ("reader",),
}

# What every Fernet token begins with.
PREFIX = "gAAAAA"
NO_CREDENTIAL = "ApplicationCredentialNotFound"

SERVICE = Service("identity", errors.identity, prefix=lambda cloud: "/v3")


@dataclass(frozen=True, slots=True)
class Token:
    id: str
    user: str
    project: str
    """Empty for a token without scope."""
    project_id: str
    user_id: str
    roles: tuple[str, ...]
    methods: tuple[str, ...]
    issued: datetime
    expires: datetime
    audit: tuple[str, ...]
    """Its own audit id, then that of the token it came from, if it came from one."""
    application_credential: str = ""


def user_id(cloud: Cloud, name: str) -> str:
    return cloud.fixed_id("user", name).replace("-", "")


def project_id(cloud: Cloud, name: str) -> str:
    return cloud.fixed_id("project", name).replace("-", "")


def add_user(cloud: Cloud, name: str, roles: dict[str, str]) -> list[str]:
    """Add a user, or give it more projects. The projects that were not there before.

    Raises ValueError for a role there is not.
    """
    unknown = set(roles.values()) - ROLES.keys()
    if unknown:
        raise ValueError(f"no role is called {', '.join(sorted(unknown))}")
    new = [project for project in roles if project not in cloud.projects]
    cloud.projects += new
    cloud.users.setdefault(name, {}).update(roles)
    return new


def role(cloud: Cloud, name: str) -> Row:
    return {"id": cloud.fixed_id("role", name).replace("-", ""), "name": name}


def unauthorized(call: Call) -> ApiError:
    where = f'Keystone uri="{call.cloud.address}/identity"'
    message = "The request you have made requires authentication."
    return ApiError(401, message, headers={"www-authenticate": where})


def forbidden(what: str) -> ApiError:
    return ApiError(403, f"You are not authorized to perform the requested action: {what}.")


def not_found(credential: str) -> ApiError:
    message = f"Could not find Application Credential: {credential}."
    return ApiError(404, message, NO_CREDENTIAL)


def credential_of(cloud: Cloud, token: Token) -> Item | None:
    """The application credential that a token came from; None for one that came from none.

    Raises ApiError 404 where that has been deleted, and the token with it.
    """
    if not token.application_credential:
        return None
    item = cloud.application_credentials.get(token.application_credential)
    if item is None:
        raise not_found(token.application_credential)
    return item


def find_token(cloud: Cloud, key: str, *, with_rules: bool) -> Token:
    """A token that is still good. Raises ApiError 404.

    with_rules: whoever asks says that it knows of access rules. To others, a token that is under
    some is no token.
    """
    token: Token | None = cloud.tokens.get(key)
    if token is None and not key.startswith(PREFIX):
        raise ApiError(404, "Could not recognize Fernet token")
    if token is None or token.expires <= datetime.now(UTC):
        raise ApiError(404, "Failed to validate token")
    credential = credential_of(cloud, token)
    if credential and credential["access_rules"] and not with_rules:
        raise ApiError(404, "Failed to validate token")
    return token


def check(call: Call) -> Token:
    """The token a request carries. Raises ApiError 401 where it is none, or not for this.

    404 in Keystone alone, where the token's application credential has been deleted.
    """
    try:
        token = find_token(call.cloud, call.headers.get("x-auth-token", ""), with_rules=True)
    except ApiError as error:
        if error.kind == NO_CREDENTIAL and call.service is SERVICE:
            raise
        raise unauthorized(call) from None
    credential = credential_of(call.cloud, token)
    if credential and not allows(call, credential["access_rules"]):
        raise unauthorized(call)
    return token
