"""The floating IP that a server is promised when it is made.

That it was promised stands in the server's metadata (`oaktree_auto_ip`: the network it comes from
and, after a slash, the one that it leads to) until it is kept, and whose the floating IP is stands
in its description: so that a crash loses neither, and that what the user made himself is never
taken for oaktree's. The process that took the Create carries on by itself; after a crash whoever
waits for the server does. What goes with a server is in `oaktree.sweep`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto
from typing import Any
from weakref import WeakValueDictionary

from google.protobuf.message import Message

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
# How long the process that took a Create or a Delete sees to the floating IP.
PATIENCE_SECONDS = 600.0
# Nova makes a server's port within the first second of its build.
FIRST_SECONDS, LAST_SECONDS = 0.25, 2.0


class Known:
    """What this process knows of a place's servers, by id, and the cloud does not tell."""

    def __init__(self) -> None:
        # When a promise was kept, on the monotonic clock.
        self.kept: dict[str, float] = {}
        # The floating IPs it made, while they are still promised: one that is gone by then, its
        # user took away. What its user attached must not be taken for one of these.
        self.made: dict[str, Item] = {}
        # The servers it deletes. The ids of oaktree's floating IPs and the ports they lead to: what
        # leads to a port that its user made would not be known for the server's once that is gone.
        self.leaving: dict[str, dict[str, str]] = {}
        self._locks: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._lock = threading.Lock()

    def lock(self, server_id: str) -> Any:
        """Held while a server is given a floating IP. Neutron fails over a port that is deleted
        meanwhile, and Nova then over the server."""
        with self._lock:
            return self._locks.setdefault(server_id, threading.Lock())

    def lately(self, server_id: str) -> bool:
        """Whether a promise was kept so short a time ago that Nova may not show it yet."""
        now = time.monotonic()
        for one in [one for one, kept in list(self.kept.items()) if now - kept > LAG_SECONDS]:
            self.kept.pop(one, None)
        return server_id in self.kept


class _Progress(Enum):
    """How far it is with what a server was promised."""

    UNDER_WAY = auto()
    # It has it, but Nova will not have its metadata changed now: its user locked it, say.
    MARKED = auto()
    DONE = auto()


def mark(outside: str, inside: Item | None) -> dict[str, str]:
    """What to make a server with that is promised a floating IP. Which of several networks it leads
    to is decided before Nova makes one port after another."""
    return {AUTO_IP: f"{outside}/{inside['id']}" if inside is not None else outside}


def description(server_id: str) -> str:
    return f"oaktree server={server_id}"


async def see_to(place: Place, server_id: str) -> None:
    """Gives a new server its floating IP, if one was promised."""
    # If it fails, whoever waits for the server tries again, and is told.
    await carry_on(place, server_id, lambda *of: _step(*of) is _Progress.DONE)


async def carry_on(place: Place, server_id: str, step: Callable[[Place, str], bool]) -> None:
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


def leaves(server: Item) -> bool:
    """Whether a server is to be deleted. One that is being built does not show it for sure."""
    return server.get("OS-EXT-STS:task_state") in ("deleting", "soft-deleting")


def _step(place: Place, server_id: str) -> _Progress:
    """Goes as far as it can towards what was promised to a server."""
    known, server = place.state(Known), server_item(place, server_id)
    promised = server["metadata"].get(AUTO_IP) if server is not None else None
    if server is None or not promised:
        known.made.pop(server_id, None)
        return _Progress.DONE
    ended = server["status"] in ("ERROR", "DELETED", "SOFT_DELETED")
    if ended or leaves(server) or server_id in known.leaving:
        return _Progress.DONE
    with known.lock(server_id):
        floating = _floating_ip(place, known, server, promised)
    # Nova refuses changes to the metadata of a server that is being built.
    if floating == "" or server["status"] == "BUILD":
        return _Progress.UNDER_WAY
    compute = place.service("compute")
    path = f"/servers/{server_id}/metadata"
    made = known.made.get(server_id)
    if made is not None and made == floating and not networks.read(place).keeps_descriptions:
        response = compute.post(path, json={"metadata": {MADE_IP: made["id"]}})
        if response.status_code == 409:
            return _Progress.MARKED
        check(response)
    # While it stands, a floating IP that its user removed would come back.
    response = compute.delete(f"{path}/{AUTO_IP}")
    if response.status_code == 409:
        return _Progress.MARKED
    if response.status_code != 404:
        check(response)
    known.kept[server_id] = time.monotonic()
    known.made.pop(server_id, None)
    return _Progress.DONE


def _floating_ip(place: Place, known: Known, server: Item, promised: str) -> Any:
    """The floating IP that leads to a server, made if there is none. "" while that cannot be told,
    as the server has no port yet; None where none is possible, or its user took it away."""
    server_id, network = server["id"], promised.partition("/")[0]
    every = networks.ports_of(place, server_id)
    ports = _within_reach(place, every, promised)
    if not ports:
        # Addresses may come late in a build.
        return "" if server["status"] == "BUILD" else None
    for port in ports:
        for floating in networks.floating_ips_at(place, port):
            return floating
    if server_id in known.leaving:
        return ""
    made = known.made.get(server_id)
    if made is not None and made["port_id"] in [port["id"] for port in every]:
        return None
    target: Item = {"port_id": ports[0]["id"]}
    adapter = place.service("network")
    # A build that failed on one host goes on at another, with another port.
    lost = _lost(place, server_id, made)
    if lost is not None:
        response = adapter.put(f"/floatingips/{lost}", json={"floatingip": target})
    elif made is not None:
        return None
    else:
        target["floating_network_id"] = network
        if networks.read(place).keeps_descriptions:
            target["description"] = description(server_id)
        response = adapter.post("/floatingips", json={"floatingip": target})
    if _says(response, 409, "FloatingIPPortAlreadyAssociated") or _says(
        response, 404, "PortNotFound"
    ):
        # Somebody else was quicker, or Nova has taken the port away: the next step shows it.
        return ""
    if _says(response, 404, "ExternalGatewayForFloatingIPNotFound"):
        return None
    floating = check(response).json()["floatingip"]
    known.made[server_id] = floating
    return floating


def _within_reach(place: Place, ports: list[Item], promised: str) -> list[Item]:
    """Those ports that the promised floating IP can lead to."""
    outside, _, inside = promised.partition("/")
    known = networks.read(place)
    if not known.knows(port["network_id"] for port in ports):
        # Neutron has made one for this server.
        known = networks.read(place, seconds=0)
    found = sorted(filter(networks.has_v4, ports), key=lambda port: str(port["id"]))
    if inside:
        return [port for port in found if port["network_id"] == inside]
    routed = [p for p in found if outside in known.routed.get(p["network_id"], ())]
    return routed or found


def _says(response: Any, status: int, kind: str) -> bool:
    return response.status_code == status and kind in response.text


def _lost(place: Place, server_id: str, made: Item | None) -> str | None:
    """The id of a floating IP that was made for a server and leads to nothing."""
    if made is None and not networks.read(place).keeps_descriptions:
        return None
    known = made["id"] if made is not None else None
    for floating in floating_ips(place, server_id):
        ours = floating["id"] == known or floating.get("description") == description(server_id)
        if ours and not floating["port_id"]:
            return str(floating["id"])
    return None


def floating_ips(place: Place, server_id: str) -> list[Item]:
    """Those that may be a server's: with its description, where the cloud keeps them; else all."""
    described = networks.read(place).keeps_descriptions
    query = {"description": description(server_id)} if described else {}
    answer = check(place.service("network").get("/floatingips", params=query)).json()
    found: list[Item] = answer["floatingips"]
    return found


def stands(item: Item) -> bool:
    """Whether a server was promised a floating IP that it has not got yet, or not for sure."""
    metadata = item.get("metadata")
    return isinstance(metadata, dict) and AUTO_IP in metadata


async def settle(place: Place, found: Found) -> Message | None:
    """Sees through what is left of a Create, for whoever waits. The server as it then is, with the
    address that Nova shows only seconds later; None while there is more to do."""
    server: Any = found.message
    if not found.unsettled and not place.state(Known).lately(server.id):
        return found.message  # type: ignore[no-any-return]
    try:
        if await place.run(None, _step, place, server.id) is _Progress.UNDER_WAY:
            return None
    except Refused as refused:
        if passing(refused):
            return None
        what = f"server {server.id} is {server.status}, but its floating IP could not be made"
        raise replace(refused, message=f"{what}: {refused.message}") from refused
    return await place.run(None, _with_floating_ip, place, server)


def _with_floating_ip(place: Place, server: Any) -> Message:
    item = server_item(place, server.id)
    if item is None or not networks.read(place).has_floating_ips:
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
