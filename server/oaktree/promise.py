"""The floating IP that a server is promised when it is made, and loses when it is deleted.

That it was promised stands in the server's metadata (`oaktree_auto_ip`, the network it comes from)
until it is kept, and whose the floating IP is stands in its description: so that a crash loses
neither, and that what the user made himself is never taken for oaktree's. The process that took the
Create or the Delete carries on by itself; after a crash whoever waits for the server does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message
from openstack import exceptions

from oaktree import networks, resources
from oaktree.errors import Refused, passing
from oaktree.place import Place
from oaktree.reader import Found
from oaktree.row import Item
from oaktree.writes import check

LOG = logging.getLogger(__name__)
AUTO_IP = "oaktree_auto_ip"
# On clouds whose floating IPs keep no description: the id of the one that is oaktree's.
MADE_IP = "oaktree_floating_ip"
# Nova shows a floating IP this much later, at the most.
LAG_SECONDS = 10.0
_KEPT: dict[tuple[Place, str], float] = {}
# The floating IPs that keep no description, from their making until the server's metadata tells
# whose they are: what its user attached must not be taken for oaktree's.
_MADE: dict[tuple[Place, str], str] = {}
# How long the process that took a Create or a Delete sees to the floating IP.
PATIENCE_SECONDS = 600.0
# Nova makes a server's port within the first second of its build.
FIRST_SECONDS, LAST_SECONDS = 0.25, 2.0


def description(server_id: str) -> str:
    return f"oaktree server={server_id}"


async def see_to(place: Place, server_id: str) -> None:
    """Gives a new server its floating IP, if one was promised."""
    # If it fails, whoever waits for the server tries again, and is told.
    await _carry_on(place, server_id, _step)


async def _carry_on(place: Place, server_id: str, step: Callable[[Place, str], bool]) -> None:
    """Takes a step again and again until all is done. A failure that may pass is no end: nobody
    else may be there to go on."""
    end, pause = time.monotonic() + PATIENCE_SECONDS, FIRST_SECONDS
    while time.monotonic() < end:
        try:
            if await place.run(None, step, place, server_id):
                return
        except Refused as refused:
            LOG.warning("floating IP of server %s on %s: %s", server_id, place, refused)
            if not passing(refused):
                return
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LAST_SECONDS)


def server_item(place: Place, server_id: str) -> Item | None:
    """A server as Nova shows it; None if it is gone. Runs in a thread."""
    return resources.reader("Server").get(place, server_id)


def _step(place: Place, server_id: str) -> bool:
    """Goes as far as it can towards what was promised to a server. True when all is done."""
    server = server_item(place, server_id)
    if server is None or server["status"] in ("ERROR", "DELETED", "SOFT_DELETED"):
        return True
    # Neutron fails over a port that is deleted while it is given a floating IP, and so Nova over
    # the server. A server that is being built does not show for sure that it is to be deleted.
    leaving = server.get("OS-EXT-STS:task_state") in ("deleting", "soft-deleting")
    if leaving or (place, server_id) in _BELONGINGS:
        return True
    network = server["metadata"].get(AUTO_IP)
    if not network:
        return True
    floating = _floating_ip(place, server_id, network)
    if floating == "":
        return False
    # Nova refuses changes to the metadata of a server that is being built.
    if server["status"] == "BUILD":
        return False
    compute = place.service("compute")
    path = f"/servers/{server_id}/metadata"
    if floating is not None and _MADE.get((place, server_id)) == floating["id"]:
        body = {"metadata": {MADE_IP: floating["id"]}}
        check(compute.post(path, json=body))
        del _MADE[place, server_id]
    # While it stands, a floating IP that its user removed would come back.
    response = compute.delete(f"{path}/{AUTO_IP}")
    if response.status_code == 409:
        return False
    if response.status_code != 404:
        check(response)
    _KEPT[place, server_id] = time.monotonic()
    return True


def _lately(place: Place, server_id: str) -> bool:
    """Whether a promise was kept so short a time ago that Nova may not show it yet."""
    now = time.monotonic()
    for key in [key for key, kept in list(_KEPT.items()) if now - kept > LAG_SECONDS]:
        _KEPT.pop(key, None)
    return (place, server_id) in _KEPT


def _floating_ip(place: Place, server_id: str, network: str) -> Any:
    """The floating IP that leads to a server, made if there is none. "" while that cannot be told,
    as the server has no port yet; None where none is possible."""
    ports = [port for port in networks.ports_of(place, server_id) if networks.has_v4(port)]
    known = networks.read(place)
    routed = [p for p in ports if network in known.routed.get(p["network_id"], ())]
    ports = sorted(routed or ports, key=lambda port: str(port["id"]))
    if not ports:
        return ""
    for port in ports:
        for floating in networks.floating_ips_at(place, port):
            return floating
    if (place, server_id) in _BELONGINGS:
        return ""
    body: Item = {"floating_network_id": network, "port_id": ports[0]["id"]}
    if known.keeps_descriptions:
        body["description"] = description(server_id)
    response = place.service("network").post("/floatingips", json={"floatingip": body})
    if response.status_code == 409 and "FloatingIPPortAlreadyAssociated" in response.text:
        # Somebody else was quicker; whose it is shows at the next step.
        return ""
    if response.status_code == 404 and "ExternalGatewayForFloatingIPNotFound" in response.text:
        return None
    floating = check(response).json()["floatingip"]
    if not known.keeps_descriptions:
        _MADE[place, server_id] = floating["id"]
    return floating


def stands(item: Item) -> bool:
    """Whether a server was promised a floating IP that it has not got yet, or not for sure."""
    metadata = item.get("metadata")
    return isinstance(metadata, dict) and AUTO_IP in metadata


async def settle(place: Place, found: Found) -> Message | None:
    """Sees through what is left of a Create, for whoever waits. The server as it then is, with the
    address that Nova shows only seconds later; None while there is more to do."""
    server: Any = found.message
    if not found.unsettled and not _lately(place, server.id):
        return found.message  # type: ignore[no-any-return]
    try:
        if not await place.run(None, _step, place, server.id):
            return None
    except Refused as refused:
        if passing(refused):
            return None
        what = f"server {server.id} is {server.status}, but its floating IP could not be made"
        raise replace(refused, message=f"{what}: {refused.message}") from refused
    return await place.run(None, _with_floating_ip, place, server)


def _with_floating_ip(place: Place, server: Any) -> Message:
    item = server_item(place, server.id)
    known = networks.read(place)
    if item is None or not known.has_floating_ips:
        return server  # type: ignore[no-any-return]
    shown = {
        one["addr"]: (name, one)
        for name, many in (item.get("addresses") or {}).items()
        for one in many
    }
    for port in networks.ports_of(place, server.id):
        for floating in networks.floating_ips_at(place, port):
            behind = shown.get(floating["fixed_ip_address"])
            if behind and floating["floating_ip_address"] not in shown:
                name, fixed = behind
                item["addresses"][name].append(
                    fixed | {"addr": floating["floating_ip_address"], "OS-EXT-IPS:type": "floating"}
                )
    found: Message = resources.reader("Server").encode(place, [item])[0].message
    return found


# The floating IPs of servers that are being deleted, and the port each leads to, of this process's
# own deletions: what leads to a port that its user made would else not be known for the server's
# once that is gone.
_BELONGINGS: dict[tuple[Place, str], dict[str, str]] = {}


def remember(place: Place, server_id: str) -> None:
    """Notes, before a server is deleted, which floating IPs of oaktree's lead to it."""
    server = server_item(place, server_id)
    if server is None or not networks.read(place).has_floating_ips:
        return
    # From now on it is given none.
    _BELONGINGS[place, server_id] = {}
    mine = {port["id"] for port in networks.ports_of(place, server_id)}
    marked = server["metadata"].get(MADE_IP)
    _BELONGINGS[place, server_id] = {
        floating["id"]: floating["port_id"]
        for floating in _floating_ips(place, server_id)
        if floating["port_id"] in mine
        and (floating.get("description") == description(server_id) or floating["id"] == marked)
    }


def stays(place: Place, server_id: str) -> None:
    """Takes back what remember() did, of a server that is not deleted after all."""
    _BELONGINGS.pop((place, server_id), None)


def _floating_ips(place: Place, server_id: str) -> list[Item]:
    """Those that may be a server's: with its description, where the cloud keeps them; else all."""
    described = networks.read(place).keeps_descriptions
    query = {"description": description(server_id)} if described else {}
    answer = check(place.service("network").get("/floatingips", params=query)).json()
    found: list[Item] = answer["floatingips"]
    return found


async def sweep_when_gone(place: Place, server_id: str) -> None:
    """Waits for a server that is being deleted, and clears up after it."""
    try:
        await _carry_on(place, server_id, _sweep_once_gone)
    finally:
        _BELONGINGS.pop((place, server_id), None)


def _sweep_once_gone(place: Place, server_id: str) -> bool:
    gone = server_item(place, server_id) is None
    if gone:
        _sweep(place, server_id)
    return gone


async def sweep(place: Place, server_id: str) -> None:
    """Deletes the floating IPs that oaktree made for a server that is gone. One that leads to
    something else by now is its user's."""
    await place.run(None, _sweep, place, server_id)


def _sweep(place: Place, server_id: str) -> None:
    if not networks.read(place).has_floating_ips:
        return
    led = _BELONGINGS.get((place, server_id), {})
    for floating in _floating_ips(place, server_id):
        ours = floating["id"] in led or floating.get("description") == description(server_id)
        if ours and floating["port_id"] in (None, "", led.get(floating["id"])):
            response = place.service("network").delete(f"/floatingips/{floating['id']}")
            if response.status_code != 404:
                exceptions.raise_from_response(response)
