"""What goes with a server that is deleted: the floating IPs that oaktree made for it.

The process that took the Delete carries on by itself until the server is gone; after a crash
whoever waits for that, or deletes the server again, does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from openstack import exceptions

from oaktree import networks
from oaktree.errors import passing
from oaktree.place import Place
from oaktree.promise import (
    MADE_IP,
    Known,
    carry_on,
    description,
    floating_ips,
    leaves,
    server_item,
)
from oaktree.translate import translate


@contextmanager
def prepared(place: Place, server_id: str) -> Iterator[None]:
    """Around a server's deletion: from now on it is given no floating IP, and which of oaktree's
    lead to it is noted while they do. Taken back if the deletion fails for sure."""
    known = place.state(Known)
    with known.lock(server_id):
        known.leaving[server_id] = {}
    try:
        try:
            known.leaving[server_id] = _belongings(place, known, server_id)
        except Exception as error:
            # That its floating IPs cannot be looked at now is no reason to keep the server: those
            # that lead to nothing are found later.
            if not passing(translate(error)):
                raise
        yield
    except Exception as error:
        if not passing(translate(error)):
            known.leaving.pop(server_id, None)
        raise


def _belongings(place: Place, known: Known, server_id: str) -> dict[str, str]:
    """oaktree's floating IPs that lead to a server, by id, and the port each leads to."""
    server = server_item(place, server_id)
    if server is None or not networks.read(place).has_floating_ips:
        return {}
    mine = {port["id"] for port in networks.ports_of(place, server_id)}
    marked = {server["metadata"].get(MADE_IP), known.made.get(server_id, {}).get("id")}
    return {
        floating["id"]: floating["port_id"]
        for floating in floating_ips(place, server_id)
        if floating["port_id"] in mine
        and (floating.get("description") == description(server_id) or floating["id"] in marked)
    }


async def when_gone(place: Place, server_id: str) -> None:
    """Waits for a server that is being deleted, and clears up after it."""
    known = place.state(Known)
    try:
        await carry_on(place, server_id, _once_gone)
    finally:
        known.leaving.pop(server_id, None)
        known.made.pop(server_id, None)


def _once_gone(place: Place, server_id: str) -> bool:
    server = server_item(place, server_id)
    if server is None:
        _sweep(place, server_id)
        return True
    # Else the deletion came to nothing, and the server stays with what it has.
    return not leaves(server)


async def now(place: Place, server_id: str) -> None:
    """Deletes the floating IPs that oaktree made for a server that is gone. One that leads to
    something else by now is its user's."""
    await place.run(None, _sweep, place, server_id)


def _sweep(place: Place, server_id: str) -> None:
    if not networks.read(place).has_floating_ips:
        return
    led = place.state(Known).leaving.get(server_id, {})
    for floating in floating_ips(place, server_id):
        ours = floating["id"] in led or floating.get("description") == description(server_id)
        if ours and floating["port_id"] in (None, "", led.get(floating["id"])):
            response = place.service("network").delete(f"/floatingips/{floating['id']}")
            if response.status_code != 404:
                exceptions.raise_from_response(response)
