"""Keypairs. They belong to a user, not to a project, and their id is their name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from oaktreemodel.v1.common_pb2 import Secret
from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.keypair_pb2 import CreateKeypairResponse
from openstack import utils
from openstack.compute.v2 import keypair

from oaktree import claims, verbs
from oaktree.call import Call
from oaktree.convert import MARK
from oaktree.errors import Refused, invalid, not_offered
from oaktree.mapping import At
from oaktree.marks import Stamp
from oaktree.once import KEPT_SECONDS
from oaktree.place import Place
from oaktree.reader import Reader
from oaktree.row import Made, Row
from oaktree.writes import check

# The last microversion that makes keys.
_MAKES_KEYS = "2.91"
# How the names of oaktree's own keypairs begin: they never show.
_OWN = (MARK, "oaktree-")


def _create(place: Place, request: Any, stamp: Stamp) -> Made:
    adapter = place.service("compute")
    if request.name.startswith(_OWN):
        raise invalid("name", f"begins with {' or '.join(_OWN)}, which are kept for oaktree's own")
    if request.type not in ("", "ssh", "x509"):
        raise invalid("type", "must be ssh or x509")
    if request.type and not utils.supports_microversion(adapter, "2.2"):
        raise not_offered("this cloud is too old for types of keypairs")
    body = {"name": request.name}
    if request.type:
        body["type"] = request.type
    if request.public_key:
        body["public_key"] = request.public_key.strip()
    newest = utils.maximum_supported_microversion(adapter, _MAKES_KEYS)
    response = adapter.post("/os-keypairs", json={"keypair": body}, microversion=newest)
    if response.status_code == 409 and _same(place, request):
        # Its name is all the mark it needs.
        return Made(request.name)
    made = check(response).json()["keypair"]
    if made.get("private_key"):
        secret = Secret(value=made["private_key"])
        return Made(request.name, CreateKeypairResponse(private_key=secret))
    return Made(request.name)


def _same(place: Place, request: Any) -> bool:
    """Whether the keypair of that name holds the key that was given: then it is what was asked
    for."""
    response = _get(place, request.name)
    given = request.public_key.split()[:2]
    if response.status_code == 404 or not given:
        return False
    return bool(check(response).json()["keypair"]["public_key"].split()[:2] == given)


def _get(place: Place, name: str) -> Any:
    return place.service("compute").get(f"/os-keypairs/{quote(name, safe='')}")


def _is_new(place: Place, name: str) -> bool:
    """Whether a keypair was made so short a time ago that whoever made it may be trying again."""
    response = _get(place, name)
    if response.status_code == 404:
        return False
    return claims.age(response, check(response).json()["keypair"]) < KEPT_SECONDS


async def create(call: Call, reader: Reader) -> bytes:
    """As any Create, but what it made before can be told again only without the private key."""
    request = call.request
    try:
        return await verbs.create(call, reader)
    except Refused as refused:
        repeats = call.may_repeat and request.request_id and not request.public_key
        if refused.reason != Reason.REASON_ALREADY_EXISTS or not repeats:
            raise
        place = await call.place()
        if not await place.run(call.reach, _is_new, place, request.name):
            raise
        raise replace(
            refused,
            reason=Reason.REASON_SECRET_GONE,
            message=f"there is a keypair {request.name!r} since a short time ago; if this request "
            "made it, its private key cannot be told again: delete it, and make another",
        ) from refused


def _delete(place: Place, name: str) -> None:
    place.service("compute").delete_keypair(name, ignore_missing=False)  # type: ignore[attr-defined]


ROW = Row(
    noun="Keypair",
    service="compute",
    sdk=keypair.Keypair,
    path="/os-keypairs",
    key="keypairs",
    wrapped=True,
    item_path="/os-keypairs/{id}",
    item_key="keypair",
    uuid_ids=False,
    list_tells_less=True,
    odd={"id": At("name"), "name": At("name")},
    hidden=lambda item: item.get("name", "").startswith(_OWN),
    create=_create,
    needed=("name",),
    delete=_delete,
    specials={"CreateKeypair": create},
)
