"""Who there is: users, projects, roles, tokens, and the check every service makes."""

from dataclasses import dataclass
from datetime import UTC, datetime

from .. import errors
from ..cloud import Cloud
from ..core import ApiError, Call, Service
from ..items import Row

DOMAIN = {"id": "default", "name": "Default"}
PASSWORD = "democloud"
# user: its role in each of its projects
USERS: dict[str, dict[str, str]] = {
    "admin": {"admin": "admin", "demo": "admin", "other": "admin"},
    "demo": {"demo": "member", "other": "member"},
    "other": {"other": "member"},
    "reader": {"demo": "reader"},
}
PROJECTS = ("admin", "demo", "other")
ROLES = {
    "admin": ("admin", "manager", "member", "reader"),
    "member": ("member", "reader"),
    "reader": ("reader",),
}
APPLICATION_CREDENTIAL = "deploy"
SECRET = "democloud-secret"

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
    application_credential: str = ""


def user_id(cloud: Cloud, name: str) -> str:
    return cloud.fixed_id("user", name).replace("-", "")


def project_id(cloud: Cloud, name: str) -> str:
    return cloud.fixed_id("project", name).replace("-", "")


def seed(cloud: Cloud) -> None:
    cloud.application_credentials.add(
        {
            "id": cloud.fixed_id("application_credential", APPLICATION_CREDENTIAL).replace("-", ""),
            "name": APPLICATION_CREDENTIAL,
            "description": None,
            "secret": SECRET,
            "user": "demo",
            "project": "demo",
            "project_id": project_id(cloud, "demo"),
            "roles": [role(cloud, name) for name in ROLES["member"]],
            "expires_at": None,
            "unrestricted": False,
            "system": None,
        }
    )


def role(cloud: Cloud, name: str) -> Row:
    return {"id": cloud.fixed_id("role", name).replace("-", ""), "name": name}


def unauthorized(call: Call) -> ApiError:
    where = f'Keystone uri="{call.cloud.address}/identity"'
    message = "The request you have made requires authentication."
    return ApiError(401, message, headers={"www-authenticate": where})


def forbidden(what: str) -> ApiError:
    return ApiError(
        403, f"You are not authorized to perform the requested action: identity:{what}."
    )


def check(call: Call) -> Token:
    """The token a request carries. Raises ApiError 401 where it is none, or no longer."""
    token = call.cloud.tokens.get(call.headers.get("x-auth-token", ""))
    if token is None or token.expires <= datetime.now(UTC):
        raise unauthorized(call)
    return token  # type: ignore[no-any-return]
