"""TempURL: what a signature lets in that was made with a key of the account or the container."""

import hmac
from base64 import urlsafe_b64decode
from calendar import timegm
from collections.abc import Iterator
from email.utils import formatdate
from ipaddress import ip_address, ip_network
from time import strptime, time
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from ..core import ApiError, Call
from .store import Account, Headers

METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")
# A signature for one of these is good for a HEAD, too.
HEAD_TOO = ("HEAD", "GET", "POST", "PUT")
LENGTHS = {40: "sha1", 64: "sha256", 128: "sha512"}
# What would make the object another one's.
REFUSED = ("x-object-manifest", "x-symlink-target", "x-copy-from")
HIDDEN, SHOWN = "x-object-meta-", "x-object-meta-public-"
TIMES = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d")


class Ticket(NamedTuple):
    """A signature that is good."""

    container: str
    """The only one it opens; empty for all of the account."""
    expires: int
    filename: str
    inline: bool

    def dress(self, headers: Headers, name: str) -> Headers:
        """An answer's headers, as whoever was given the signature may see them."""
        shown = {
            key: value
            for key, value in headers.items()
            if not key.startswith(HIDDEN) or key.startswith(SHOWN)
        }
        base = self.filename or name.rstrip("/").rpartition("/")[2]
        named = f"; filename=\"{quote(base, ' ')}\"; filename*=UTF-8''{quote(base)}"
        if self.inline:
            shown["content-disposition"] = "inline" + (named if self.filename else "")
        elif self.filename or "content-disposition" not in shown:
            shown["content-disposition"] = "attachment" + named
        return shown | {"expires": formatdate(self.expires, usegmt=True)}


def digests(old: bool) -> list[str]:
    """Those that a signature may be made with."""
    return ["sha1"] if old else sorted(LENGTHS.values())


def check_ticket(call: Call, account: Account, container: str, name: str) -> Ticket | None:
    """None where a request has no signature. Raises ApiError 401 where that is no good, 400 where
    it does not let through what the request asks for beside."""
    query = call.query
    if "temp_url_sig" not in query and "temp_url_expires" not in query:
        return None
    expires = _expires(query.get("temp_url_expires", ""))
    algorithm, signature = _signature(query.get("temp_url_sig", ""))
    prefix = query.get("temp_url_prefix")
    if (
        not name
        or expires <= time()
        or call.method not in METHODS
        or algorithm not in digests(call.cloud.profile.old)
        or not name.startswith(prefix or "")
        or not _near(call.address, query.get("temp_url_ip_range"))
    ):
        raise _invalid()
    texts = list(_texts(call, expires, container, name if prefix is None else prefix))
    for scope, key in _keys(account, container):
        for text in texts:
            if hmac.compare_digest(hmac.new(key, text, algorithm).hexdigest(), signature):
                _check_headers(call)
                filename = query.get("filename", "")
                return Ticket(scope, expires, filename, "inline" in query)
    raise _invalid()


def _invalid() -> ApiError:
    where = {"www-authenticate": 'Swift realm="unknown"'}
    return ApiError(401, "401 Unauthorized: Temp URL invalid\n", headers=where)


def _expires(text: str) -> int:
    """0 for what is no time."""
    if text.isdecimal():
        return int(text)
    for form in TIMES:
        try:
            return timegm(strptime(text, form))
        except ValueError:
            continue
    return 0


def _signature(text: str) -> tuple[str, str]:
    """Its algorithm and its hexadecimal digits: by its length, or as `algorithm:base64`."""
    algorithm, colon, digest = text.partition(":")
    if not colon:
        return LENGTHS.get(len(text), ""), text
    try:
        return algorithm, urlsafe_b64decode(digest + "=" * (-len(digest) % 4)).hex()
    except ValueError:
        return "", ""


def _near(address: str, wanted: str | None) -> bool:
    try:
        return not wanted or ip_address(address) in ip_network(wanted)
    except ValueError:
        return False


def _keys(account: Account, container: str) -> Iterator[tuple[str, bytes]]:
    found = account.containers.get(container)
    for scope, kind, headers in (
        ("", "account", account.headers),
        (container, "container", found.headers if found else {}),
    ):
        for end in ("", "-2"):
            if key := headers.get(f"x-{kind}-meta-temp-url-key{end}"):
                yield scope, key.encode("latin-1")


def _texts(call: Call, expires: int, container: str, rest: str) -> Iterator[bytes]:
    """What may have been signed: of the path as the service sees it, or as its client does."""
    path = f"/v1/{call.args['account']}/{container}/{rest}"
    kind = "" if call.query.get("temp_url_prefix") is None else "prefix:"
    address = call.query.get("temp_url_ip_range")
    lead = f"ip={address}\n" if address else ""
    for method in HEAD_TOO if call.method == "HEAD" else (call.method,):
        for where in ("", urlsplit(call.base).path):
            yield f"{lead}{method}\n{expires}\n{kind}{where}{path}".encode()


def _check_headers(call: Call) -> None:
    for name in REFUSED:
        if name in call.headers:
            raise ApiError(400, f"The header '{name.title()}' is not allowed in this tempurl")
