"""Swift's frame: the service, and who may do what in which account."""

from collections.abc import Mapping
from dataclasses import dataclass

from .. import errors
from ..core import ApiError, Call, Service
from ..keystone.service import Token, check, unauthorized
from .acl import READ, WRITE, allowed
from .store import Account, Container, Headers, Object, account_of
from .tempurl import Ticket, check_ticket

ACCOUNT = "/v1/{account}"
CONTAINER = "/v1/{account}/{container}"
OBJECT = "/v1/{account}/{container}/{object:path}"
# What only the project's own members are shown.
OWN = (READ, WRITE, "x-container-meta-temp-url-key", "x-account-meta-temp-url-key")


def clean(path: str) -> str:
    """A slash at the end of a container's path is none; in an object's name it is one."""
    try:
        path.encode()
    except UnicodeEncodeError:
        path = "\0"
    if "\0" in path:
        raise ApiError(412, "Invalid UTF8 or contains NULL")
    return path if path.split("/", 4)[4:] not in ([], [""]) else path.rstrip("/")


SERVICE = Service(
    "object-store",
    errors.object_store,
    clean=clean,
    request_id_headers=("x-trans-id", "x-openstack-request-id"),
)


@dataclass(slots=True)
class Visit:
    """A request that was let in."""

    call: Call
    account: Account
    container_name: str
    name: str
    """The object's; empty where the request is about a container or an account."""
    owner: bool
    """A member of the account's project."""
    token: Token | None
    ticket: Ticket | None

    @property
    def query(self) -> Mapping[str, str]:
        """A signed request has no other parameters than those it was signed with: Swift drops
        them, so that a manifest that comes so becomes an ordinary object."""
        return {} if self.ticket else self.call.query

    @property
    def container(self) -> Container:
        """Raises ApiError 404."""
        return self.find_container(self.container_name)

    @property
    def object(self) -> Object:
        """Raises ApiError 404, also where it has expired."""
        return found(self.container.get(self.name))

    def find_container(self, name: str) -> Container:
        container = self.account.containers.get(name)
        if container is None:
            raise ApiError(404, "")
        return container

    def may_read(self, container: str) -> bool:
        """Whether this request reads a segment there: a container's key opens that alone."""
        if self.ticket:
            return self.ticket.container in ("", container)
        text = self.find_container(container).headers.get(READ, "")
        return self.owner or allowed(text, self.token, listing=False)

    def shown(self, headers: Headers) -> Headers:
        if self.owner:
            return headers
        return {name: value for name, value in headers.items() if not name.startswith(OWN)}


def enter(call: Call, acl: str = "") -> Visit:
    """Raises ApiError 401 where nobody is known to ask, 403 where who asks may not.

    acl: the list that lets others in than the account's own members. Without one, nobody.
    """
    accounts = call.region.accounts
    lead, _, project = call.args["account"].partition("AUTH_")
    account = accounts.get(project) if not lead else None
    account = account or Account("" if lead else project)
    container_name, name = call.args.get("container", ""), call.args.get("object", "")
    ticket = check_ticket(call, account, container_name, name)
    token = None if ticket else _token(call)
    owner = is_member(token, account)
    if owner:
        account = account_of(accounts, project)
    elif not ticket:
        container = account.containers.get(container_name)
        text = container.headers.get(acl, "") if container else ""
        if not acl or not allowed(text, token, listing=not name):
            _refuse(call, token)
    return Visit(call, account, container_name, name, owner, token, ticket)


def is_member(token: Token | None, account: Account) -> bool:
    """Of the account's project, and more than a reader."""
    return token is not None and token.project_id == account.project and "member" in token.roles


def _token(call: Call) -> Token | None:
    """A token that is no good is none: what is public is there for everybody."""
    try:
        return check(call)
    except ApiError:
        return None


def _refuse(call: Call, token: Token | None) -> None:
    if token is None:
        raise ApiError(401, "", headers=unauthorized(call).headers)
    raise ApiError(403, "")


def found(item: Object | None) -> Object:
    if item is None:
        raise ApiError(404, "")
    return item
