"""Who may read and write a container beside the members of its project."""

from ..core import ApiError
from ..keystone.service import Token

READ, WRITE = "x-container-read", "x-container-write"
ANYBODY, LISTINGS = ".r:*", ".rlistings"
REFERRERS = (".r:", ".ref:", ".referer:", ".referrer:")


def check_acl(name: str, text: str) -> str:
    """The list, tidied. Raises ApiError 400."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if part.startswith("."):
            designator = part.partition(":")[0]
            if part != LISTINGS and not part.startswith(REFERRERS):
                raise ApiError(400, f"Unknown designator {designator!r} in ACL: {part!r}")
            if part != LISTINGS and name == WRITE:
                raise ApiError(400, f"Referrers not allowed in write ACL: {part!r}")
            if part != LISTINGS:
                part = f".r:{part.partition(':')[2].strip()}"
        found.append(part)
    return ",".join(found)


def allowed(text: str, token: Token | None, *, listing: bool) -> bool:
    """Whether a list lets this token in, or one without a token.

    Of referrers only `.r:*` counts, since a request's referrer is whatever its client says.
    """
    parts = text.split(",")
    if ANYBODY in parts and (LISTINGS in parts or not listing):
        return True
    if token is None:
        return False
    projects = ("*", token.project_id, token.project)
    users = ("*", token.user_id, token.user)
    mine = {f"{project}:{user}" for project in projects for user in users}
    return bool(mine & set(parts)) or bool(set(token.roles) & set(parts))
