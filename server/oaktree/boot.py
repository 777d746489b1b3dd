"""Making and deleting servers: one call to the user, several to the cloud.

What a Create promises beyond Nova's own POST is a floating IP where the server needs one. That it
was promised stands in the server's metadata (`oaktree_auto_ip`, the network it comes from) until it
is kept, and whose the floating IP is stands in its description: so that a crash loses neither, and
that what the user made himself is never taken for oaktree's.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import time
from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf.message import Message
from oaktreemodel.v1.common_pb2 import Secret
from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.server_pb2 import CreateServerResponse
from openstack import exceptions, utils

from oaktree import networks, resources, validate
from oaktree.call import Call
from oaktree.clouds import Place
from oaktree.errors import Refused, failed, invalid, not_offered
from oaktree.find import find
from oaktree.reader import Found, Reader
from oaktree.row import Item, Made
from oaktree.verbs import read_back
from oaktree.writes import check, named, require

LOG = logging.getLogger(__name__)
AUTO_IP = "oaktree_auto_ip"
MADE_IP = "oaktree_floating_ip"
# How long the process that took a Create or a Delete sees to the floating IP. After that, whoever
# waits for the server does.
PATIENCE_SECONDS = 600.0
# Nova makes a server's port within the first second of its build.
FIRST_SECONDS, LAST_SECONDS = 0.25, 2.0


def by_name(name: str) -> Mapping[str, str]:
    """Nova takes the name for a regular expression."""
    return {"name": f"^{re.escape(name)}$"}


def description(server_id: str) -> str:
    return f"oaktree server={server_id}"


async def create(call: Call, reader: Reader) -> bytes:
    request = call.request
    validate.need(request, "name", "flavor")
    _check(request)
    place = await call.place()

    async def work() -> bytes:
        made = await place.run(None, _post, place, request)
        found = await read_back(place, reader, made.id)
        call.server.once.keep(_see_to(place, made.id))
        return found.wire + (made.more.SerializeToString() if made.more is not None else b"")

    return await call.change(place, work)


def _check(request: Any) -> None:
    if not request.image and not request.boot_volume:
        raise invalid("image", "is missing; give an image, or a boot_volume")
    if request.image and request.boot_volume:
        raise invalid("boot_volume", "excludes image")
    if request.has_no_nics and request.nics:
        raise invalid("has_no_nics", "excludes nics")
    if request.has_no_nics and request.auto_ip:
        raise invalid("auto_ip", "a server without a network interface can have no floating IP")
    for number, nic in enumerate(request.nics):
        if bool(nic.network) == bool(nic.port):
            raise invalid(f"nics[{number}]", "give either a network or a port")
        if nic.port and nic.fixed_ip:
            raise invalid(f"nics[{number}].fixed_ip", "excludes port, which has its addresses")
    for name in ("boot_volume_size_gib", "boot_volume_type"):
        if getattr(request, name) and not request.boot_from_volume:
            raise invalid(name, "needs boot_from_volume")
    if request.boot_from_volume and not request.image:
        raise invalid("boot_from_volume", "needs an image to make the volume from")


def _post(place: Place, request: Any) -> Made:
    """Everything is looked up before anything is made."""
    given: Item = {
        "name": request.name,
        "flavor_id": named("Flavor")(place, request.flavor, "flavor"),
    }
    metadata = dict(request.metadata)
    interfaces, network = _interfaces(place, request)
    floating = _floating_network(place, request, network)
    if floating:
        metadata[AUTO_IP] = floating
    if interfaces is not None:
        given["networks"] = interfaces
    if metadata:
        given["metadata"] = metadata
    for key in ("key_name", "disk_config"):
        if getattr(request, key):
            given[key] = getattr(request, key)
    for key, version, what in (
        ("description", "2.19", "descriptions of servers"),
        ("tags", "2.52", "tags of new servers"),
        ("hostname", "2.90", "choosing a server's host name"),
    ):
        value = getattr(request, key)
        if value:
            require(place, "compute", version, what)
            given[key] = list(value) if key == "tags" else value
    if request.security_groups:
        given["security_groups"] = [{"name": name} for name in request.security_groups]
    if request.user_data:
        given["user_data"] = base64.b64encode(request.user_data).decode()
    if request.HasField("config_drive"):
        given["config_drive"] = request.config_drive
    if request.location.zone:
        given["availability_zone"] = request.location.zone
    hints = dict(request.scheduler_hints)
    if request.server_group:
        hints["group"] = request.server_group
    if hints:
        given["scheduler_hints"] = hints
    given |= _disks(place, request)
    made = place.service("compute").create_server(**given)  # type: ignore[attr-defined]
    if made.admin_password:
        secret = Secret(value=made.admin_password)
        return Made(made.id, CreateServerResponse(admin_password=secret))
    return Made(made.id)


def _disks(place: Place, request: Any) -> Item:
    found: Item = {}
    mapping: list[Item] = []
    if request.boot_volume:
        mapping.append(
            {
                "uuid": named("Volume")(place, request.boot_volume, "boot_volume"),
                "source_type": "volume",
                "destination_type": "volume",
                "boot_index": 0,
                "delete_on_termination": request.terminate_volume,
            }
        )
    else:
        image: Any = find(place, resources.reader("Image"), request.image, "image").message
        if not request.boot_from_volume:
            found["image_id"] = image.id
        else:
            disk: Item = {
                "uuid": image.id,
                "source_type": "image",
                "destination_type": "volume",
                "boot_index": 0,
                "delete_on_termination": request.terminate_volume,
                "volume_size": request.boot_volume_size_gib or _size(place, request, image),
            }
            if request.boot_volume_type:
                require(place, "compute", "2.67", "choosing the boot volume's type")
                disk["volume_type"] = request.boot_volume_type
            mapping.append(disk)
    if mapping and not request.boot_volume:
        found["image_id"] = ""
    for name in request.volumes:
        if not mapping and "image_id" in found:
            # Nova takes no mapping without the boot disk in it.
            mapping.append(
                {
                    "uuid": found["image_id"],
                    "source_type": "image",
                    "destination_type": "local",
                    "boot_index": 0,
                    "delete_on_termination": True,
                }
            )
        mapping.append(
            {
                "uuid": named("Volume")(place, name, "volumes"),
                "source_type": "volume",
                "destination_type": "volume",
                "boot_index": -1,
                "delete_on_termination": False,
            }
        )
    if mapping:
        found["block_device_mapping"] = mapping
    return found


def _size(place: Place, request: Any, image: Any) -> int:
    """As large as the flavor's disk or the image needs, in GiB."""
    flavor: Any = find(place, resources.reader("Flavor"), request.flavor, "flavor").message
    size = max(image.size_bytes, image.virtual_size_bytes)
    return max(flavor.disk_gib, image.min_disk_gib, -(-size // 2**30), 1)


def _interfaces(place: Place, request: Any) -> tuple[Any, Item | None]:
    """Nova's networks, and the one that a floating IP would lead to. (None: Nova's old default,
    which is every network there is.)"""
    modern = utils.supports_microversion(place.service("compute"), "2.37")
    if request.has_no_nics:
        if not modern:
            raise not_offered("this cloud is too old for servers without a network interface")
        return "none", None
    known = networks.read(place, fresh=True)
    if request.nics:
        return _given(place, request, known)
    if not known.present:
        return ("auto" if modern else None), None
    chosen = known.for_server()
    if chosen is not None:
        return [{"uuid": chosen["id"]}], chosen
    if modern and "auto-allocated-topology" in known.extensions:
        return "auto", None
    raise networks.network_needed(place)


def _given(place: Place, request: Any, known: networks.Networks) -> tuple[list[Item], Item | None]:
    found: list[Item] = []
    used: list[str] = []
    for nic in request.nics:
        one: Item = {}
        if nic.port:
            port: Any = find(place, resources.reader("Port"), nic.port, "nics.port").message
            one["port"] = port.id
            used.append(port.network.id)
        else:
            one["uuid"] = named("Network")(place, nic.network, "nics.network")
            used.append(one["uuid"])
        if nic.fixed_ip:
            one["fixed_ip"] = nic.fixed_ip
        if nic.tag:
            require(place, "compute", "2.42", "tags of network interfaces")
            one["tag"] = nic.tag
        found.append(one)
    on = [n for n in known.networks if n["id"] in used]
    # One that leads outside does already what a floating IP is for.
    if any(known.is_external(n) for n in on):
        return found, None
    routed = [n for n in on if known.floating(n["id"])]
    return found, (routed or [None])[0]


def _floating_network(place: Place, request: Any, network: Item | None) -> str:
    """The network that the server's floating IP will come from; empty if it gets none."""
    if request.HasField("auto_ip") and not request.auto_ip:
        return ""
    known = networks.read(place)
    if request.floating_network and known.has_floating_ips:
        return named("Network")(place, request.floating_network, "floating_network")
    chosen = known.floating_for(network)
    if chosen is None and request.auto_ip:
        raise failed(
            Reason.REASON_NOT_OFFERED,
            "auto_ip was asked for, but no router leads from the server's network to one that "
            "floating IPs come from",
        )
    return str(chosen["id"]) if chosen is not None else ""


# The floating IP.


async def _see_to(place: Place, server_id: str) -> None:
    """Gives a new server its floating IP, if one was promised."""
    end, pause = time.monotonic() + PATIENCE_SECONDS, FIRST_SECONDS
    try:
        while time.monotonic() < end:
            if await place.run(None, _step, place, server_id):
                return
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LAST_SECONDS)
    except Refused as refused:
        # Whoever waits for the server tries again, and is told.
        LOG.warning("floating IP of server %s on %s: %s", server_id, place, refused)


def _server(place: Place, server_id: str) -> Item | None:
    adapter = place.service("compute")
    response = adapter.get(f"/servers/{server_id}")
    if response.status_code == 404:
        return None
    found = check(response).json()["server"]
    assert isinstance(found, dict)
    return found


def _step(place: Place, server_id: str) -> bool:
    """Goes as far as it can towards what was promised to a server. True when all is done."""
    server = _server(place, server_id)
    if server is None or server["status"] in ("ERROR", "DELETED", "SOFT_DELETED"):
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
    if floating is not None and "description" not in floating:
        body = {"metadata": {MADE_IP: floating["id"]}}
        check(compute.post(path, json=body))
    # While it stands, a floating IP that its user removed would come back.
    response = compute.delete(f"{path}/{AUTO_IP}")
    if response.status_code == 409:
        return False
    if response.status_code != 404:
        check(response)
    return True


def _floating_ip(place: Place, server_id: str, network: str) -> Any:
    """The floating IP that leads to a server, made if there is none. "" while the server has no
    port yet; None where none is possible."""
    adapter = place.service("network")
    ports = check(adapter.get("/ports", params={"device_id": server_id})).json()["ports"]
    ports = [port for port in ports if any("." in ip["ip_address"] for ip in port["fixed_ips"])]
    known = networks.read(place)
    routed = [p for p in ports if network in known.routed.get(p["network_id"], ())]
    ports = sorted(routed or ports, key=lambda port: str(port["id"]))
    if not ports:
        return ""
    for port in ports:
        bound = check(adapter.get("/floatingips", params={"port_id": port["id"]})).json()
        # A service that ignores the filter would show any.
        for floating in bound["floatingips"]:
            if floating["port_id"] == port["id"]:
                return floating
    body: Item = {"floating_network_id": network, "port_id": ports[0]["id"]}
    if known.keeps_descriptions:
        body["description"] = description(server_id)
    response = adapter.post("/floatingips", json={"floatingip": body})
    if response.status_code == 409 and "FloatingIPPortAlreadyAssociated" in response.text:
        return _floating_ip(place, server_id, network)
    if response.status_code == 404 and "ExternalGatewayForFloatingIPNotFound" in response.text:
        return None
    return check(response).json()["floatingip"]


async def settle(place: Place, message: Message) -> Message | None:
    """Sees through what is left of a Create, for whoever waits. The server as it then is, with the
    address that Nova shows only seconds later; None while there is more to do."""
    server: Any = message
    if not await place.run(None, _step, place, server.id):
        return None
    return await place.run(None, _with_floating_ip, place, server)


def _with_floating_ip(place: Place, server: Any) -> Message:
    item = _server(place, server.id)
    known = networks.read(place)
    if item is None or not known.has_floating_ips:
        return server  # type: ignore[no-any-return]
    adapter = place.service("network")
    shown = {
        one["addr"]: (name, one)
        for name, many in (item.get("addresses") or {}).items()
        for one in many
    }
    ports = check(adapter.get("/ports", params={"device_id": server.id})).json()["ports"]
    changed = False
    for port in ports:
        bound = check(adapter.get("/floatingips", params={"port_id": port["id"]})).json()
        for floating in bound["floatingips"]:
            behind = shown.get(floating["fixed_ip_address"])
            if behind and floating["floating_ip_address"] not in shown:
                name, fixed = behind
                item["addresses"][name].append(
                    fixed | {"addr": floating["floating_ip_address"], "OS-EXT-IPS:type": "floating"}
                )
                changed = True
    if not changed:
        return server  # type: ignore[no-any-return]
    return resources.reader("Server").encode(place, [item])[0].message


# Deleting.


async def delete(call: Call, reader: Reader) -> bytes:
    place = await call.place()

    async def work() -> bytes:
        try:
            found: Found = await place.run(None, find, place, reader, call.request.name_or_id)
        except Refused as refused:
            if refused.code == grpc.StatusCode.NOT_FOUND:
                await sweep(place, call.request.name_or_id)
            raise
        made = await place.run(None, _delete, place, found.id)
        call.server.once.keep(_sweep_when_gone(place, found.id, made))
        return b""

    return await call.change(place, work)


def _delete(place: Place, server_id: str) -> str:
    """Orders the deletion; gives the id of the floating IP that only the server's metadata knows
    to be oaktree's, on clouds that keep no descriptions."""
    server = _server(place, server_id)
    place.service("compute").delete_server(server_id, ignore_missing=False)  # type: ignore[attr-defined]
    return str((server or {}).get("metadata", {}).get(MADE_IP, ""))


async def _sweep_when_gone(place: Place, server_id: str, made: str) -> None:
    end, pause = time.monotonic() + PATIENCE_SECONDS, FIRST_SECONDS
    try:
        while time.monotonic() < end:
            if await place.run(None, _server, place, server_id) is None:
                await place.run(None, _sweep, place, server_id, made)
                return
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LAST_SECONDS)
    except Refused as refused:
        LOG.warning("floating IP of deleted server %s on %s: %s", server_id, place, refused)


async def sweep(place: Place, server_id: str) -> None:
    """Deletes the floating IPs that oaktree made for a server that is gone."""
    await place.run(None, _sweep, place, server_id, "")


def _sweep(place: Place, server_id: str, made: str) -> None:
    known = networks.read(place)
    if not known.has_floating_ips:
        return
    adapter = place.service("network")
    query = {"description": description(server_id)} if known.keeps_descriptions else {}
    listed = check(adapter.get("/floatingips", params=query)).json()["floatingips"]
    for floating in listed:
        ours = floating.get("description") == description(server_id) or floating["id"] == made
        if ours and not floating["port_id"]:
            response = adapter.delete(f"/floatingips/{floating['id']}")
            if response.status_code != 404:
                exceptions.raise_from_response(response)
