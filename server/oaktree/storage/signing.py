"""Tickets: URLs that Swift takes from whoever has them, for all names that begin alike.

They are signed with the second key of the container. The first is its owner's; a second one that is
there is used and never written over, since that would end every ticket it signed.
"""

from __future__ import annotations

import hmac
import secrets
import time
from typing import Any
from urllib.parse import quote, urlsplit

from oaktreemodel.v1.storage_object_pb2 import (
    SignStorageObjectsRequest,
    SignStorageObjectsResponse,
)
from oaktreemodel.v1.transfer_pb2 import TicketAuth
from openstack import exceptions

from oaktree import swift, swiftnames
from oaktree.call import Call
from oaktree.errors import invalid, not_found, not_offered
from oaktree.place import Place
from oaktree.storage import segments

KEY = "X-Container-Meta-Temp-URL-Key-2"
SECONDS = 3600
# What is good for longer is as good as public.
MAX_SECONDS = 366 * 86400
# The best first.
DIGESTS = ("sha512", "sha256", "sha1")


async def sign(call: Call, reader: Any) -> bytes:
    place, request = await call.place(), call.request

    async def work() -> bytes:
        return await place.run(None, _ticket, place, request)

    return await call.change(place, work)


def _ticket(place: Place, request: SignStorageObjectsRequest) -> bytes:
    info = swift.info(place)
    container = swiftnames.check_container(request.parent, info)
    prefix = request.prefix
    if not prefix.startswith(segments.PREFIX):
        swiftnames.check_prefix(prefix)
    method, status = ("PUT", 201) if request.is_upload else ("GET", 200)
    digest = next((one for one in DIGESTS if one in info.signed_digests), "")
    if not digest or method not in info.signed_methods:
        raise not_offered("the object storage signs no URLs")
    expires = int(time.time()) + _seconds(request)
    response = SignStorageObjectsResponse()
    ticket = response.ticket
    url = swift.url_of(place, container) + "/"
    key = _key(place, container)
    # What stands before it is the address of a proxy before Swift, which does not see it.
    at = urlsplit(swift.account_url(place)).path
    path = f"{at[max(at.find('/v1/'), 0) :]}/{container}/{prefix}"
    text = f"{method}\n{expires}\nprefix:{path}"
    signature = hmac.new(key, text.encode(), digest).hexdigest()
    end = f"?temp_url_sig={signature}&temp_url_expires={expires}&temp_url_prefix={quote(prefix)}"
    _try(place, url + swift.steps(prefix + "x") + end)
    ticket.http_method, ticket.expected_status = method, status
    ticket.url, ticket.url_end, ticket.prefix = url, end, prefix
    ticket.auth = TicketAuth.TICKET_AUTH_SIGNED
    ticket.expires_at.seconds = expires
    if request.is_upload and prefix.startswith(segments.PREFIX):
        # What may be part of an object by now is never written over.
        ticket.headers["If-None-Match"] = "*"
    return response.SerializeToString()


def _seconds(request: SignStorageObjectsRequest) -> int:
    if not request.HasField("valid_for"):
        return SECONDS
    seconds = request.valid_for.seconds
    if not 1 <= seconds <= MAX_SECONDS:
        raise invalid("valid_for", f"must be from one second to {MAX_SECONDS // 86400} days")
    return seconds


def _key(place: Place, container: str) -> bytes:
    """The container's second key, made if there is none."""
    key = _read_key(place, container)
    if not key:
        try:
            swift.ask(place, "POST", container, headers={KEY: secrets.token_hex(32)})
        except exceptions.ForbiddenException as error:
            raise not_offered("the caller may not give the container a key to sign with") from error
        # Somebody else may have made one at the same time.
        key = _read_key(place, container)
    if not key:
        raise not_offered("the object storage keeps no key to sign with")
    return key.encode("latin-1")


def _read_key(place: Place, container: str) -> str:
    try:
        return str(swift.ask(place, "HEAD", container).headers.get(KEY, ""))
    except exceptions.NotFoundException as error:
        raise not_found("storage container", container) from error


def _try(place: Place, url: str) -> None:
    """Whether the cloud takes what was signed: some keep the key and do not look at it, some know
    no prefixes. A ticket for any method is good for a HEAD, too."""
    response = swift.ask_openly(place, "HEAD", url)
    if response.status_code in (401, 403):
        raise not_offered("the object storage does not take URLs that a container's key signed")
    if response.status_code != 404:
        exceptions.raise_from_response(response)
