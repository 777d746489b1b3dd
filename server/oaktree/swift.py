"""How Swift is asked: requests whose URL is what the name says.

requests and urllib3 take the dots of `a/../b` for steps in a path, so that what goes through them,
and through openstacksdk, is about another object. So URLs are made here and set after requests has
made its own. All else is as in any request of oaktree's: the place's connection, its token, its
budget and its deadlines. Runs in a place's threads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode, urlsplit
from weakref import WeakKeyDictionary

import grpc
import orjson
import requests
from oaktreemodel.v1.error_pb2 import Reason
from openstack import exceptions

from oaktree.errors import Refused
from oaktree.place import Place

SERVICE = "object_store"
# What Swift says of itself changes when its deployer does.
INFO_SECONDS = 600.0
Query: TypeAlias = Mapping[str, str | int]
# What a request sends: all of it, or what has a length and is iterated over once.
Body: TypeAlias = Any
Item: TypeAlias = dict[str, Any]


def steps(name: str) -> str:
    """A name as it stands in a URL's path: its slashes are the path's, and no step of it is one up
    or none."""
    return "/".join(
        step.replace(".", "%2E") if step in (".", "..") else quote(step, safe="")
        for step in name.split("/")
    )


def path(container: str, name: str = "") -> str:
    """Where a container or an object is, below its account, quoted: `/container/name`."""
    return f"/{steps(container)}" + (f"/{steps(name)}" if name else "")


def account_url(place: Place) -> str:
    """The URL of the project's account, without a slash at the end."""
    return str(place.service(SERVICE).get_endpoint()).rstrip("/")


def url_of(place: Place, container: str = "", name: str = "") -> str:
    return account_url(place) + (path(container, name) if container else "")


def ask(
    place: Place,
    method: str,
    container: str = "",
    name: str = "",
    *,
    query: Query | None = None,
    headers: Mapping[str, str | bytes] | None = None,
    body: Body = None,
    stream: bool = False,
) -> requests.Response:
    """Asks about the account, a container, or an object in it. Raises what openstacksdk would.

    `body` is bytes, or what has a length and is iterated over once; then the request is sent only
    once, and a token that the cloud does not take any more is UNAVAILABLE: there is a new one the
    next time. With `stream` the response's body is left to be read.
    """
    url = url_of(place, container, name)
    if query:
        url += "?" + urlencode(query, quote_via=quote)
    response = _answer(place, method, url, headers or {}, body, stream)
    if response.status_code >= 400:
        # Also of a stream: what it says is in its body.
        response.content  # noqa: B018
        exceptions.raise_from_response(response)
    return response


def _answer(
    place: Place,
    method: str,
    url: str,
    headers: Mapping[str, str | bytes],
    body: Body,
    stream: bool,
) -> requests.Response:
    session: Any = place.connection().session
    response = _send(session, method, url, headers, body, stream)
    if response.status_code != 401 or not session.invalidate():
        return _not_elsewhere(response)
    if body is not None and not isinstance(body, bytes):
        response.close()
        raise Refused(
            grpc.StatusCode.UNAVAILABLE,
            Reason.REASON_CLOUD_UNREACHABLE,
            "the cloud took oaktree's token no longer, and nothing of what was sent; send it again",
        )
    response.close()
    return _not_elsewhere(_send(session, method, url, headers, body, stream))


def _send(
    session: Any,
    method: str,
    url: str,
    headers: Mapping[str, str | bytes],
    body: Body,
    stream: bool,
    is_open: bool = False,
) -> requests.Response:
    auth = {} if is_open else session.get_auth_headers() or {}
    given = {"User-Agent": session.app_name or "oaktree", **headers, **auth}
    at = urlsplit(url)
    whole = body if isinstance(body, bytes) else None
    # Not prepared by the session: that would add what it finds in a .netrc.
    request = requests.Request(method, f"{at.scheme}://{at.netloc}/", given, data=whole).prepare()
    request.url = url
    if body is not None and whole is None:
        request.body = body
        request.headers["Content-Length"] = str(_length(body))
    transport: requests.Session = session.session
    settings = _settings(transport, f"{at.scheme}://{at.netloc}/", session.verify, session.cert)
    return transport.send(request, allow_redirects=False, stream=stream, **settings)


def _settings(transport: requests.Session, url: str, verify: Any, cert: Any) -> dict[str, Any]:
    """What the environment says of requests to a service: its proxy, and whom to trust. To read it
    takes as long as all else about a small request."""
    known = _SETTINGS.setdefault(transport, {})
    key = (url, verify, cert)
    if key not in known:
        found = transport.merge_environment_settings(url, {}, None, verify, cert)
        known[key] = {name: found[name] for name in ("proxies", "verify", "cert")}
    return known[key]


_SETTINGS: WeakKeyDictionary[requests.Session, dict[Any, dict[str, Any]]] = WeakKeyDictionary()


def ask_openly(place: Place, method: str, url: str) -> requests.Response:
    """Asks as somebody who has nothing but the URL. The answer, whatever its status."""
    session: Any = place.connection().session
    return _not_elsewhere(_send(session, method, url, {}, None, False, is_open=True))


def _length(body: Sized) -> int:
    return len(body)


def _not_elsewhere(response: requests.Response) -> requests.Response:
    if not response.is_redirect:
        return response
    response.close()
    raise _wrong("answers that what was asked for is elsewhere, which oaktree does not follow")


# Listing.


def page(place: Place, container: str = "", **query: str | int) -> list[Item]:
    """One page of a container's objects, or of the account's containers: in the order of the bytes
    of their names, those after `marker` and before `end_marker`, that begin with `prefix`, each up
    to `delimiter` once as {"subdir": ...}, at most `limit`. CLOUD_ERROR for what is none."""
    asked = {key: value for key, value in query.items() if value != ""}
    response = ask(place, "GET", container, query={"format": "json", **asked})
    items = orjson.loads(response.content) if response.content else []
    needed = _OBJECT if container else _CONTAINER
    if not isinstance(items, list) or not all(_is_row(item, needed) for item in items):
        raise _wrong("answered with something that is no list")
    marker = str(asked.get("marker", ""))
    if items and not _goes_on(items[-1], marker):
        # To ask on would never end.
        raise _wrong(f"lists {name_of(items[-1])!r} as the last after {marker!r}")
    return items


# What a list tells of each.
_CONTAINER = {"name": str}
_OBJECT = {"name": str, "bytes": int, "hash": str, "last_modified": str}


def _is_row(item: Any, needed: Mapping[str, type]) -> bool:
    if not isinstance(item, dict):
        return False
    if "subdir" in item:
        needed = {"subdir": str}
    if not all(isinstance(item.get(key), kind) for key, kind in needed.items()):
        return False
    if "last_modified" in needed and not _is_time(item["last_modified"]):
        return False
    return name_of(item) != ""


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _goes_on(last: Item, marker: str) -> bool:
    """Whether a page that ends so is behind its marker. A prefix may be before it: the marker is
    then of what begins so."""
    # In the order of code points, which is that of UTF-8's bytes.
    name = name_of(last)
    return name > marker or ("subdir" in last and name != marker and marker.startswith(name))


def _wrong(what: str) -> Refused:
    return Refused(grpc.StatusCode.UNKNOWN, Reason.REASON_CLOUD_ERROR, f"the object storage {what}")


def name_of(item: Item) -> str:
    """What an item of a list is marked by: its name, or that of a prefix."""
    return str(item.get("name") or item.get("subdir") or "")


def pages(place: Place, container: str = "", **query: str | int) -> Iterator[list[Item]]:
    """All pages from `marker` on. A page may be shorter than it could be and yet not be the last:
    only an empty one is."""
    while items := page(place, container, **query):
        yield items
        query["marker"] = name_of(items[-1])


# What it says of itself.


@dataclass(frozen=True)
class Info:
    """What Swift tells of its limits, or what it does where it does not tell."""

    version: str = ""
    max_object_bytes: int = 5 * 1024**3
    max_container_name_bytes: int = 256
    max_object_name_bytes: int = 1024
    max_listing: int = 10_000
    max_metadata_count: int = 90
    max_metadata_bytes: int = 4096
    max_metadata_key_bytes: int = 128
    max_metadata_value_bytes: int = 256
    # Absent features have none.
    max_segments: int = 0
    min_segment_bytes: int = 1
    max_manifest_bytes: int = 8 * 1024**2
    max_bulk_deletes: int = 0
    # The methods and the digests of signed URLs; empty: there are none.
    signed_methods: tuple[str, ...] = ()
    signed_digests: tuple[str, ...] = ()
    # Those that tell nothing may have them.
    has_container_quotas: bool = True
    # The names of the storage policies, the default first; empty where none are told.
    policies: tuple[str, ...] = ()


def info(place: Place) -> Info:
    return place.kept("swift info", INFO_SECONDS, lambda: _info(place))


def _info(place: Place) -> Info:
    at = urlsplit(account_url(place))
    # Beside the version, where it is not alone on its host; else openstacksdk's place for it.
    root = re.sub(r"/v1(/.*)?$", "", at.path)
    for where in dict.fromkeys((root, "")):
        url = f"{at.scheme}://{at.netloc}{where}/info"
        response = ask_openly(place, "GET", url)
        if response.status_code not in (401, 403, 404, 405):
            break
    else:
        # Some do not tell, or not to everybody.
        return Info()
    exceptions.raise_from_response(response)
    told = orjson.loads(response.content)
    if not isinstance(told, dict):
        return Info()
    swift, slo, signed = (told.get(key) or {} for key in ("swift", "slo", "tempurl"))
    known = {
        "max_object_bytes": swift.get("max_file_size"),
        "max_container_name_bytes": swift.get("max_container_name_length"),
        "max_object_name_bytes": swift.get("max_object_name_length"),
        "max_listing": swift.get("container_listing_limit"),
        "max_metadata_count": swift.get("max_meta_count"),
        "max_metadata_bytes": swift.get("max_meta_overall_size"),
        "max_metadata_key_bytes": swift.get("max_meta_name_length"),
        "max_metadata_value_bytes": swift.get("max_meta_value_length"),
        "max_segments": slo.get("max_manifest_segments"),
        "min_segment_bytes": slo.get("min_segment_size"),
        "max_manifest_bytes": slo.get("max_manifest_size"),
        "max_bulk_deletes": (told.get("bulk_delete") or {}).get("max_deletes_per_request"),
    }
    return Info(
        version=str(swift.get("version") or ""),
        signed_methods=tuple(signed.get("methods") or ()),
        # Those that do not tell their digests know the oldest only.
        signed_digests=tuple(signed.get("allowed_digests") or ("sha1",)) if signed else (),
        has_container_quotas="container_quotas" in told,
        policies=tuple(
            str(policy.get("name"))
            for policy in sorted(
                swift.get("policies") or (), key=lambda one: not one.get("default")
            )
        ),
        **{key: int(value) for key, value in known.items() if value is not None},
    )
