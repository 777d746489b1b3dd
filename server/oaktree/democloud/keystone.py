"""Keystone v3: who is there, tokens, the catalog."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from . import errors
from .cloud import Cloud
from .core import ApiError, Call, Reply, Service
from .items import Row

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
# service type and name: where it is below the region's address
ENDPOINTS = {
    ("compute", "nova"): "compute/{nova}",
    ("network", "neutron"): "network",
    ("image", "glance"): "image",
    ("{volume}", "cinder"): "volume/{cinder}/{project}",
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


def _forbidden(what: str) -> ApiError:
    return ApiError(
        403, f"You are not authorized to perform the requested action: identity:{what}."
    )


def check(call: Call) -> Token:
    """The token a request carries. Raises ApiError 401 where it is none, or no longer."""
    token = call.cloud.tokens.get(call.headers.get("x-auth-token", ""))
    if token is None or token.expires <= datetime.now(UTC):
        raise unauthorized(call)
    return token  # type: ignore[no-any-return]


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


def catalog(cloud: Cloud, project: str) -> list[Row]:
    old = cloud.profile.old
    words = {
        "nova": "v2.1",
        "cinder": "v2" if old else "v3",
        "volume": "volumev2" if old else "block-storage",
        "project": project,
    }
    services = [_service(cloud, "identity", "keystone", dict.fromkeys(cloud.regions, "/identity"))]
    for (kind, name), path in ENDPOINTS.items():
        urls = {region: f"/{region}/{path.format(**words)}" for region in cloud.regions}
        services.append(_service(cloud, kind.format(**words), name, urls))
    return services


def _service(cloud: Cloud, kind: str, name: str, urls: dict[str, str]) -> Row:
    return {
        "id": cloud.fixed_id("service", kind).replace("-", ""),
        "type": kind,
        "name": name,
        "endpoints": [
            {
                "id": cloud.fixed_id("endpoint", kind, region, interface).replace("-", ""),
                "interface": interface,
                "region": region,
                "region_id": region,
                "url": cloud.address + path,
            }
            for region, path in urls.items()
            for interface in ("public", "internal", "admin")
        ],
    }


@SERVICE.route("GET", "/auth/tokens")
@SERVICE.route("HEAD", "/auth/tokens")
def show_token(call: Call) -> Reply:
    subject = call.headers.get("x-subject-token", "")
    token = call.cloud.tokens.get(subject)
    if not call.is_admin and (not subject or (token and token.user != call.token.user)):
        raise _forbidden("validate_token")
    if token is None or token.expires <= datetime.now(UTC):
        raise ApiError(404, "This is not a recognized Fernet token.")
    return Reply(
        {"token": view(call, token)}, 200, {"x-subject-token": token.id, "vary": "X-Auth-Token"}
    )


@SERVICE.route("DELETE", "/auth/tokens")
def revoke_token(call: Call) -> Reply:
    call.cloud.tokens.pop(call.headers.get("x-subject-token", ""), None)
    return Reply(status=204)


@SERVICE.route("GET", "/auth/catalog")
def show_catalog(call: Call) -> Reply:
    links = {"self": f"{call.base}/v3/auth/catalog"}
    return Reply({"catalog": catalog(call.cloud, call.project), "links": links})


@SERVICE.route("GET", "/auth/projects")
@SERVICE.route("GET", "/users/{user}/projects")
def own_projects(call: Call) -> Reply:
    return _projects(call, [name for name in PROJECTS if name in USERS[call.token.user]])


@SERVICE.route("GET", "/projects")
def projects(call: Call) -> Reply:
    if not call.is_admin:
        raise _forbidden("list_projects")
    return _projects(call, list(PROJECTS))


def _projects(call: Call, names: list[str]) -> Reply:
    wanted = call.query.get("name")
    shown = [_project(call, name) for name in names if wanted in (None, name)]
    return Reply(
        {
            "projects": shown,
            "links": {"next": None, "self": f"{call.base}/v3{call.path}", "previous": None},
        }
    )


def _project(call: Call, name: str) -> Row:
    own = project_id(call.cloud, name)
    return {
        "id": own,
        "name": name,
        "domain_id": "default",
        "parent_id": "default",
        "enabled": True,
        "is_domain": False,
        "description": "",
        "tags": [],
        "options": {},
        "links": {"self": f"{call.base}/v3/projects/{own}"},
    }


@SERVICE.route("GET", "/projects/{id}")
def show_project(call: Call) -> Reply:
    for name in PROJECTS:
        if project_id(call.cloud, name) == call.args["id"]:
            if not call.is_admin and name not in USERS[call.token.user]:
                break
            return Reply({"project": _project(call, name)})
    if not call.is_admin:
        raise _forbidden("get_project")
    raise ApiError(404, f"Could not find project: {call.args['id']}.")
