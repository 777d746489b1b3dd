"""Keypairs. They belong to a user, not to a project, and their id is their name."""

from __future__ import annotations

from typing import Any

from oaktreemodel.v1.common_pb2 import Secret
from oaktreemodel.v1.keypair_pb2 import CreateKeypairResponse
from openstack import exceptions, utils
from openstack.compute.v2 import keypair

from oaktree.convert import MARK
from oaktree.errors import invalid, not_offered
from oaktree.mapping import At
from oaktree.place import Place
from oaktree.row import Made, Row
from oaktree.writes import check

# The last microversion that makes keys.
_MAKES_KEYS = "2.91"
# How the names of oaktree's own keypairs begin: they never show.
_OWN = (MARK, "oaktree-")


def _create(place: Place, request: Any) -> Made:
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
        return Made(request.name)
    made = check(response).json()["keypair"]
    if made.get("private_key"):
        secret = Secret(value=made["private_key"])
        return Made(request.name, CreateKeypairResponse(private_key=secret))
    return Made(request.name)


def _same(place: Place, request: Any) -> bool:
    """Whether the keypair of that name holds the key that was given: then it is what was asked
    for."""
    try:
        present = place.connection().compute.get_keypair(request.name)
    except exceptions.NotFoundException:
        return False
    given = request.public_key.split()[:2]
    return bool(given) and (present.public_key or "").split()[:2] == given


def _delete(place: Place, name: str) -> None:
    place.connection().compute.delete_keypair(name, ignore_missing=False)


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
)
