"""What decides which of two things stays that were made for one request id: a keypair's name.

Several may try to make things for one request, and no service compares and sets. But Nova gives a
keypair's name only once. So whoever has made something claims it for the request: a keypair whose
name is the request's mark, and whose key's comment names the thing. The first one's word holds for
all. Claims are taken away when nobody can need them any more; one whose maker has ended goes when
an oaktree meets it after ten minutes. All of this runs in threads.
"""

from __future__ import annotations

import logging
import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from oaktree.place import Place
from oaktree.writes import check

LOG = logging.getLogger(__name__)
# No request is on its way for so long.
OLD_SECONDS = 600.0
# How often a place is looked through for claims that are old.
SWEEP_SECONDS = 3600.0
_ATTEMPTS = 3
_NAME = re.compile(r"oaktree-[0-9a-f]{32}")
_COMMENT = re.compile(r" oaktree claim (\S+)$")
_PATH = "/os-keypairs"


@cache
def _key() -> str:
    """A public key that fits no private one: Nova looks whether it is a key at all."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _name(mark: str) -> str:
    return f"oaktree-{mark}"


def claim(place: Place, mark: str, identifier: str) -> str:
    """Claims a thing for the request of this mark. The id that is claimed: another's, where that
    came first. Whatever Nova refuses with is raised only when there is no claim at all."""
    adapter = place.service("compute")
    pair = {"name": _name(mark), "public_key": f"{_key()} oaktree claim {identifier}"}
    for left in reversed(range(_ATTEMPTS)):
        try:
            check(adapter.post(_PATH, json={"keypair": pair}))
            return identifier
        except Exception:
            # Nova looks at the quota first, and a claim may be what fills it.
            claimed = _claimed(place, mark)
            if claimed:
                return claimed
            if not left:
                raise
    raise AssertionError  # the last attempt returns or raises


def _claimed(place: Place, mark: str) -> str:
    """The id of what is claimed; empty if nothing is."""
    response = place.service("compute").get(f"{_PATH}/{_name(mark)}")
    if response.status_code == 404:
        return ""
    found = _COMMENT.search(check(response).json()["keypair"]["public_key"])
    return found[1] if found else ""


def release(place: Place, mark: str) -> None:
    """Takes a claim away."""
    _delete(place, _name(mark))


def _delete(place: Place, name: str) -> None:
    response = place.service("compute").delete(f"{_PATH}/{name}")
    if response.status_code != 404:
        check(response)


def sweep(place: Place) -> None:
    """Takes away the claims that are old, now and then."""
    place.kept("claims", SWEEP_SECONDS, lambda: _sweep(place))


def _sweep(place: Place) -> None:
    adapter = place.service("compute")
    pairs = check(adapter.get(_PATH)).json()["keypairs"]
    for name in (pair["keypair"]["name"] for pair in pairs):
        if not _NAME.fullmatch(name):
            continue
        response = adapter.get(f"{_PATH}/{name}")
        if response.status_code == 404:
            continue
        pair = check(response).json()["keypair"]
        if _COMMENT.search(pair["public_key"]) and age(response, pair) > OLD_SECONDS:
            LOG.info("taking away %s on %s, whose maker has not", name, place)
            _delete(place, name)


def age(response: Any, item: dict[str, Any]) -> float:
    """How old something is that the cloud tells of just now, in seconds by the cloud's own
    clock."""
    date = response.headers.get("Date")
    now = parsedate_to_datetime(date).timestamp() if date else time.time()
    made = datetime.fromisoformat(item["created_at"])
    return now - (made if made.tzinfo else made.replace(tzinfo=UTC)).timestamp()
