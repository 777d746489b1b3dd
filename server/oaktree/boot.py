"""Making and deleting servers: what is looked up, and what Nova is then asked for."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from oaktreemodel.v1.common_pb2 import Secret
from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.server_pb2 import CreateServerResponse
from openstack import utils

from oaktree import networks, promise, resources, sweep
from oaktree.errors import failed, invalid, not_offered
from oaktree.find import find
from oaktree.marks import Stamp
from oaktree.place import Place
from oaktree.row import Item, Made
from oaktree.writes import named, require


def by_name(name: str) -> Mapping[str, str]:
    """Nova takes the name for a regular expression."""
    return {"name": f"^{re.escape(name)}$"}


def check(request: Any) -> None:
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


def post(place: Place, request: Any, stamp: Stamp) -> Made:
    """Everything is looked up before anything is made."""
    given: Item = {
        "name": request.name,
        "flavor_id": named("Flavor")(place, request.flavor, "flavor"),
    }
    metadata = dict(request.metadata)
    interfaces, network = _interfaces(place, request)
    floating = _floating_network(place, request, network, allocated=interfaces == "auto")
    if floating:
        metadata |= promise.mark(floating, network)
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
    stamp(given)
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
    return int(max(flavor.disk_gib, image.min_disk_gib, -(-size // 2**30), 1))


def _interfaces(place: Place, request: Any) -> tuple[Any, Item | None]:
    """Nova's networks, and the one that a floating IP would lead to. (None: Nova's old default,
    which is every network there is.)"""
    modern = utils.supports_microversion(place.service("compute"), "2.37")
    if request.has_no_nics:
        if not modern:
            raise not_offered("this cloud is too old for servers without a network interface")
        return "none", None
    known = networks.read(place, seconds=0)
    if request.nics:
        return _given(place, request, known)
    if not known.present:
        return ("auto" if modern else None), None
    chosen = known.for_server()
    if chosen is not None:
        return [{"uuid": chosen["id"]}], chosen
    if not modern:
        raise networks.network_needed()
    networks.check_allocation(place, known)
    return "auto", None


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
    return found, known.leads_outside(used)


def _floating_network(place: Place, request: Any, network: Item | None, *, allocated: bool) -> str:
    """The network that the server's floating IP will come from; empty if it gets none."""
    if request.HasField("auto_ip") and not request.auto_ip:
        return ""
    known = networks.read(place)
    if request.floating_network and known.has_floating_ips:
        return named("Network")(place, request.floating_network, "floating_network")
    chosen = known.floating_for(network, allocated=allocated)
    if chosen is None and request.auto_ip:
        raise failed(
            Reason.REASON_NOT_OFFERED,
            "auto_ip was asked for, but no router leads from the server's network to one that "
            "floating IPs come from",
        )
    return str(chosen["id"]) if chosen is not None else ""


def delete(place: Place, server_id: str) -> None:
    with sweep.prepared(place, server_id):
        place.service("compute").delete_server(server_id, ignore_missing=False)  # type: ignore[attr-defined]
