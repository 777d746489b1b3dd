"""Tokens: given for a password, an application credential or another token."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe

from ..cloud import Cloud
from ..core import ApiError, Call, Reply
from ..items import Item, Row
from .catalog import catalog
from .service import (
    DOMAIN,
    PASSWORD,
    PREFIX,
    ROLES,
    SERVICE,
    Token,
    credential_of,
    find_token,
    forbidden,
    not_found,
    project_id,
    role,
    unauthorized,
    user_id,
)

METHODS = ("password", "token", "application_credential")


@SERVICE.route("POST", "/auth/tokens", open=True)
def create_token(call: Call) -> Reply:
    try:
        auth = call.body["auth"]
        identity = auth["identity"]
        methods = tuple(identity["methods"])
    except (KeyError, TypeError):
        raise ApiError(400, "'identity' is a required property") from None
    method = next((known for known in METHODS if known in methods), None)
    if method is None or (method == "application_credential" and call.cloud.profile.old):
        raise ApiError(401, "Attempted to authenticate with an unsupported method.")
    given = identity.get(method) or {}
    scope = auth.get("scope")
    if method == "application_credential":
        if scope:
            raise ApiError(
                401,
                "Error authenticating with application credential: Application credentials cannot "
                "request a scope.",
            )
        token = issue_for(call, _credential(call, given), given.get("secret"))
        return _shown(call, token, 201)
    old = None
    if method == "token":
        old = find_token(call.cloud, given.get("id", ""), with_rules=False)
        if old.application_credential:
            raise forbidden("Using a delegated token to create another token is not allowed.")
        user = old.user
    else:
        user = _named(call, given["user"], call.cloud.users, user_id)
        if given["user"].get("password") != PASSWORD:
            raise unauthorized(call)
    project = ""
    if isinstance(scope, dict) and "project" in scope:
        project = _named(call, scope["project"], call.cloud.projects, project_id)
        if project not in call.cloud.users[user]:
            raise unauthorized(call)
    return _shown(call, _issue(call.cloud, user, project, methods, old=old), 201)


def _shown(call: Call, token: Token, status: int = 200) -> Reply:
    headers = {"x-subject-token": token.id, "vary": "X-Auth-Token"}
    return Reply({"token": view(call, token)}, status, headers)


def issue_for(call: Call, credential: Item, secret: str | None) -> Token:
    """A token for an application credential. Raises ApiError 401 for a wrong or late one."""
    ends = credential["_ends"]
    if secret != credential["_secret"] or (ends and ends <= datetime.now(UTC)):
        raise unauthorized(call)
    return _issue(
        call.cloud,
        credential["_user"],
        credential["_project"],
        ("application_credential",),
        credential=credential,
    )


def _issue(
    cloud: Cloud,
    user: str,
    project: str,
    methods: tuple[str, ...],
    *,
    old: Token | None = None,
    credential: Item | None = None,
) -> Token:
    issued = datetime.now(UTC)
    expires = issued + timedelta(seconds=cloud.settings.token_seconds)
    roles = ROLES[cloud.users[user][project]] if project else ()
    audit: tuple[str, ...] = (token_urlsafe(16),)
    if old:
        # No way to live for ever: what came from a token ends with it.
        expires = old.expires
        methods = (*old.methods, *(method for method in methods if method not in old.methods))
        audit = (*audit, old.audit[-1])
    if credential:
        roles = tuple(name for name in roles if role(cloud, name)["id"] in credential["_roles"])
        expires = min(expires, credential["_ends"] or expires)
    token = Token(
        id=PREFIX + token_urlsafe(96),
        user=user,
        project=project,
        project_id=project_id(cloud, project) if project else "",
        user_id=user_id(cloud, user),
        roles=roles,
        methods=methods,
        issued=issued,
        expires=expires,
        audit=audit,
        application_credential=credential["id"] if credential else "",
    )
    cloud.tokens[token.id] = token
    cloud.secrets.add(token.id)
    return token


def _named(
    call: Call, wanted: Row, known: Iterable[str], make_id: Callable[[Cloud, str], str]
) -> str:
    """A user or a project, by id or by name. Raises ApiError 401, as one never learns which."""
    for name in known:
        if wanted.get("id") == make_id(call.cloud, name) or (
            wanted.get("name") == name
            and (wanted.get("domain") or DOMAIN).get("name", "Default") == DOMAIN["name"]
            and (wanted.get("domain") or DOMAIN).get("id", "default") == DOMAIN["id"]
        ):
            return name
    raise unauthorized(call)


def _credential(call: Call, wanted: Row) -> Item:
    """By id, or by its name and its user's."""
    known = call.cloud.application_credentials
    if wanted.get("id"):
        item = known.get(wanted["id"])
        if item is None:
            raise not_found(wanted["id"])
        return item
    for key in ("name", "user"):
        if not wanted.get(key):
            raise ApiError(
                400,
                f"Expecting to find {key if key == 'user' else 'name or ID'} in application "
                "credential. The server could not comply with the request since it is either "
                "malformed or otherwise incorrect. The client is assumed to be in error.",
            )
    user = _named(call, wanted["user"], call.cloud.users, user_id)
    for item in known.where(_user=user, name=wanted["name"]):
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
        "audit_ids": list(token.audit),
        "expires_at": stamp(token.expires),
        "issued_at": stamp(token.issued),
    }
    if token.project:
        shown["project"] = {"domain": DOMAIN, "id": token.project_id, "name": token.project}
        shown["is_domain"] = False
        shown["roles"] = [role(cloud, name) for name in token.roles]
        if "nocatalog" not in call.query:
            shown["catalog"] = catalog(cloud, token.project_id)
    credential = credential_of(cloud, token)
    if credential:
        shown["application_credential"] = {
            "id": credential["id"],
            "name": credential["name"],
            "restricted": not credential["unrestricted"],
        }
        if credential["access_rules"]:
            shown["application_credential"]["access_rules"] = credential["access_rules"]
    return shown


def stamp(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _subject(call: Call, action: str) -> Token:
    """The token that a call is about: one's own, or for an admin anybody's."""
    key = call.headers.get("x-subject-token")
    token = find_token(call.cloud, key, with_rules=_knows_rules(call)) if key else None
    if token is None or not (call.is_admin or token.user == call.token.user):
        raise forbidden(f"identity:{action}_token")
    return token


def _knows_rules(call: Call) -> bool:
    try:
        return float(call.headers.get("openstack-identity-access-rules", "0")) >= 1
    except ValueError:
        return False


@SERVICE.route("GET", "/auth/tokens")
def show_token(call: Call) -> Reply:
    return _shown(call, _subject(call, "validate"))


@SERVICE.route("HEAD", "/auth/tokens")
def check_token(call: Call) -> Reply:
    return _shown(call, _subject(call, "check"))


@SERVICE.route("DELETE", "/auth/tokens")
def revoke_token(call: Call) -> Reply:
    subject = _subject(call, "revoke")
    revoke(call.cloud, lambda token: subject.audit[0] in token.audit)
    return Reply(status=204)


def revoke(cloud: Cloud, which: Callable[[Token], bool]) -> None:
    for token in [token for token in cloud.tokens.values() if which(token)]:
        del cloud.tokens[token.id]
