"""Copies within Swift: what is copied, and what of its metadata goes along."""

from urllib.parse import quote, unquote

from ..content import Writer
from ..core import ApiError, Reply
from ..keystone.service import Token
from .acl import READ, WRITE, allowed
from .reading import MANIFEST, Body, Broken, Dynamic, body, opener, parts
from .service import Visit, found, is_member
from .store import Account, Container, Headers, Object, stamp
from .writing import check_quota, created, delete_at, kept_headers


def copy(visit: Visit, source: str, target: str) -> Reply:
    """Both are `container/object`, the source escaped; it may be in another account."""
    call, account = visit.call, visit.account
    owner = call.headers.get("x-copy-from-account", account.name).removeprefix("AUTH_")
    from_account = account
    if owner != account.project:
        from_account = call.region.accounts.get(owner, Account(owner))
    from_container, from_name = parts(unquote(source))
    if not from_name:
        form = "<container name>/<object name>"
        raise ApiError(412, f"X-Copy-From header must be of the form {form}")
    there = _entered(visit.token, from_account, from_container, READ)
    item = found(there.get(from_name))
    container_name, name = parts(target)
    container = _entered(visit.token, account, container_name, WRITE)
    made = _copied(visit, from_account, item)
    check_quota(container, made.content.size)
    container.put(name, made)
    told = {
        "x-copied-from-account": from_account.name,
        "x-copied-from": quote(f"{from_container}/{from_name}"),
        "x-copied-from-last-modified": item.changed.modified,
    }
    return created(made, told | made.headers)


def _entered(token: Token | None, account: Account, name: str, acl: str) -> Container:
    container = account.containers.get(name)
    text = container.headers.get(acl, "") if container else ""
    if not is_member(token, account) and not allowed(text, token, listing=False):
        raise ApiError(403, "")
    if container is None:
        raise ApiError(404, "")
    return container


def _copied(visit: Visit, account: Account, item: Object) -> Object:
    """A large object becomes an ordinary one, unless its manifest is asked for."""
    call = visit.call
    fresh = call.headers.get("x-fresh-metadata", "").lower() in ("true", "1", "yes", "on")
    headers: Headers = ({} if fresh else dict(item.headers)) | kept_headers(call)
    kind = call.headers.get("content-type") or item.content_type
    expires = delete_at(call) or (None if fresh else item.delete_at)
    whole: Body = item.content
    if call.query.get("multipart-manifest") == "get":
        return Object(
            item.content,
            kind,
            item.etag,
            headers,
            stamp(),
            expires,
            item.segments,
            item.slo_etag,
            item.slo_size,
        )
    if item.segments is not None:
        whole = body(item, opener(visit))
    elif MANIFEST in item.headers:
        whole = Dynamic(account, headers.pop(MANIFEST, item.headers[MANIFEST]), opener(visit))
    if whole is item.content:
        # Contents do not change: there can be two of one.
        return Object(item.content, kind, item.etag, headers, stamp(), expires)
    writer = Writer(call.cloud.arena, call.cloud.settings.uploads, "md5")
    try:
        for piece in whole.pieces():
            writer.add(piece)
    except Broken:
        raise ApiError(409, "") from None
    content = writer.finish()
    return Object(content, kind, content.digests["md5"], headers, stamp(), expires)
