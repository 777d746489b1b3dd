"""Key pairs. They belong to a user, not to a project, and their id is their name."""

import base64
import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_public_key,
)

from ..cloud import now
from ..core import ApiError, Call, Reply
from ..items import Item, Row
from .service import SERVICE, bad, invalid, page


def own(call: Call) -> list[Item]:
    found = call.region.keypairs.where(user_id=call.token.user_id)
    return sorted(found, key=lambda one: str(one["name"]))


def _find(call: Call) -> Item:
    found = call.region.keypairs.get(f"{call.token.user_id}/{call.args['name']}")
    if found is None:
        raise ApiError(404, f"Keypair {call.args['name']} not found for user {call.token.user_id}")
    return found


def _view(call: Call, pair: Item, *fields: str) -> Row:
    fields = ("name", "public_key", "fingerprint", *fields)
    return {key: pair[key] for key in fields} | (
        {"type": pair["type"]} if call.at_least(2, 2) else {}
    )


@SERVICE.route("GET", "/os-keypairs")
def list_keypairs(call: Call) -> Reply:
    pairs = own(call)
    more: Row = {}
    if call.at_least(2, 35):
        pairs, more = page(call, "/os-keypairs", pairs, "name")
    return Reply({"keypairs": [{"keypair": _view(call, one)} for one in pairs], **more})


@SERVICE.route("GET", "/os-keypairs/{name}")
def show_keypair(call: Call) -> Reply:
    fields = ("user_id", "id", "created_at", "deleted", "deleted_at", "updated_at")
    pair = _find(call)
    return Reply({"keypair": _view(call, pair, *fields) | {"id": pair["number"]}})


@SERVICE.route("POST", "/os-keypairs")
def create_keypair(call: Call) -> Reply:
    wanted = (call.body or {}).get("keypair") or {}
    name = wanted.get("name")
    if not isinstance(name, str) or not name:
        raise invalid("keypair", wanted, "'name' is a required property")
    if len(name) > 255:
        raise invalid("name", name, f"'{name}' is too long")
    public = wanted.get("public_key")
    if public is None and call.at_least(2, 92):
        raise invalid("keypair", wanted, "'public_key' is a required property")
    bound = call.cloud.settings.quota["key_pairs"]
    if 0 <= bound <= len(own(call)):
        raise ApiError(403, "Quota exceeded, too many key pairs.")
    private = None
    if public is None:
        public, private = _generate()
    key = f"{call.token.user_id}/{name}"
    fingerprint = _fingerprint(public)
    if key in call.region.keypairs:
        raise ApiError(409, f"Key pair '{name}' already exists.")
    pair = call.region.keypairs.add(
        {
            "id": key,
            "number": len(call.region.keypairs) + 1,
            "name": name,
            "public_key": public,
            "fingerprint": fingerprint,
            "type": wanted.get("type") or "ssh",
            "user_id": call.token.user_id,
            "created_at": now(".000000"),
            "updated_at": None,
            "deleted": False,
            "deleted_at": None,
        }
    )
    shown = _view(call, pair, "user_id")
    if private is not None:
        shown["private_key"] = private
    return Reply({"keypair": shown}, 201 if call.at_least(2, 2) else 200)


def _generate() -> tuple[str, str]:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return f"{public} Generated-by-Nova", private


def _fingerprint(public: str) -> str:
    """MD5 over the key's bytes. Raises ApiError 400 for what is no SSH public key."""
    try:
        load_ssh_public_key(public.encode())
        digest = hashlib.md5(base64.b64decode(public.split()[1]), usedforsecurity=False).hexdigest()
    except (ValueError, IndexError, UnsupportedAlgorithm):
        raise bad("Keypair data is invalid: failed to generate fingerprint") from None
    return ":".join(digest[n : n + 2] for n in range(0, len(digest), 2))


@SERVICE.route("DELETE", "/os-keypairs/{name}")
def delete_keypair(call: Call) -> Reply:
    call.region.keypairs.remove(_find(call)["id"])
    return Reply(status=204 if call.at_least(2, 2) else 202)
