"""How a server and a flavor look at a microversion."""

from bisect import bisect
from collections.abc import Callable
from typing import Any

from ..core import Call
from ..items import Item, Row
from .service import bookmark, links

PROGRESS = ("ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING")

# Since which microversion 2.x a server has a field, and what is in it.
FIELDS: list[tuple[int, str, Callable[[Item], Any]]] = [
    (9, "locked", lambda server: server["locked"]),
    (19, "description", lambda server: server["description"]),
    (26, "tags", lambda server: server["tags"]),
    (63, "trusted_image_certificates", lambda server: None),
    (73, "locked_reason", lambda server: server["locked_reason"]),
    (90, "OS-EXT-SRV-ATTR:hostname", lambda server: server["hostname"]),
    (96, "pinned_availability_zone", lambda server: server["pinned_zone"]),
    (100, "scheduler_hints", lambda server: server["scheduler_hints"]),
]
ADMIN_FIELDS: list[tuple[int, str, Callable[[Item], Any]]] = [
    (0, "OS-EXT-SRV-ATTR:host", lambda server: server["host"]),
    (0, "OS-EXT-SRV-ATTR:instance_name", lambda server: "instance-" + server["id"][:8]),
    (0, "OS-EXT-SRV-ATTR:hypervisor_hostname", lambda server: server["host"]),
    (3, "OS-EXT-SRV-ATTR:reservation_id", lambda server: "r-" + server["id"][:8]),
    (3, "OS-EXT-SRV-ATTR:launch_index", lambda server: 0),
    (3, "OS-EXT-SRV-ATTR:hostname", lambda server: server["hostname"]),
    (3, "OS-EXT-SRV-ATTR:kernel_id", lambda server: ""),
    (3, "OS-EXT-SRV-ATTR:ramdisk_id", lambda server: ""),
    (3, "OS-EXT-SRV-ATTR:root_device_name", lambda server: "/dev/vda"),
    (3, "OS-EXT-SRV-ATTR:user_data", lambda server: server["user_data"]),
    (16, "host_status", lambda server: "UP" if server["host"] else ""),
]
# A PUT's answer shows no more than these before 2.75.
CORE = [
    "id",
    "name",
    "status",
    "tenant_id",
    "user_id",
    "metadata",
    "hostId",
    "image",
    "flavor",
    "created",
    "updated",
    "addresses",
    "accessIPv4",
    "accessIPv6",
    "links",
    "OS-DCF:diskConfig",
    "progress",
    "fault",
    "locked",
    "description",
    "tags",
    "trusted_image_certificates",
    "locked_reason",
]
# Where anything at all changes: servers are serialised once for each stretch between them.
STEPS = sorted({0, 3, 47, 71, 75, 98} | {minor for minor, _, _ in FIELDS + ADMIN_FIELDS})


def shape(call: Call, detail: str) -> tuple[int, bool, str]:
    """What a server's looks depend on; one of these, one set of bytes."""
    minor = call.version[1] if call.version else 0
    return STEPS[bisect(STEPS, minor) - 1], call.is_admin, detail


def encoded(call: Call, server: Item, detail: str) -> bytes:
    form = shape(call, detail)
    return server.encoded(form, lambda one: view(call.base, form, one))


def brief(base: str, server: Item) -> Row:
    key = server["id"]
    return {"id": key, "name": server["name"], "links": links(base, "servers", key)}


def view(base: str, form: tuple[int, bool, str], server: Item) -> Row:
    minor, admin, detail = form
    if detail == "brief":
        return brief(base, server)
    shown: Row = {
        "id": server["id"],
        "name": server["name"],
        "status": server["status"],
        "tenant_id": server["project_id"],
        "user_id": server["user_id"],
        "metadata": server["metadata"],
        "hostId": server["host_id"],
        "image": _image(base, minor, server),
        "flavor": _flavor(base, minor, server),
        "created": server["created"],
        "updated": server["updated"],
        "addresses": server["addresses"],
        "accessIPv4": server["accessIPv4"],
        "accessIPv6": server["accessIPv6"],
        "links": links(base, "servers", server["id"]),
        "OS-DCF:diskConfig": server["disk_config"],
        "OS-EXT-AZ:availability_zone": server["zone"],
        "config_drive": server["config_drive"],
        "key_name": server["key_name"],
        "OS-SRV-USG:launched_at": server["launched_at"],
        "OS-SRV-USG:terminated_at": server["terminated_at"],
        "OS-EXT-STS:task_state": server["task_state"],
        "OS-EXT-STS:vm_state": server["vm_state"],
        "OS-EXT-STS:power_state": server["power_state"],
        "os-extended-volumes:volumes_attached": [
            one if minor >= 3 else {"id": one["id"]} for one in server["volumes"]
        ],
    }
    if server["status"] in PROGRESS:
        shown["progress"] = server["progress"]
    if server["security_groups"]:
        shown["security_groups"] = [{"name": name} for name in server["security_groups"]]
    if server["fault"]:
        shown["fault"] = server["fault"]
    for since, name, value in FIELDS + (ADMIN_FIELDS if admin else []):
        if minor >= since:
            shown[name] = value(server)
    if minor >= 71 and detail != "list":
        shown["server_groups"] = []
    if detail == "changed" and minor < 75:
        shown = {name: shown[name] for name in CORE if name in shown}
        shown["addresses"] = plain(server["addresses"])
    return shown


def plain(addresses: Row) -> Row:
    """Addresses as they were before extensions told of types and MACs."""
    return {
        network: [{"version": one["version"], "addr": one["addr"]} for one in rows]
        for network, rows in addresses.items()
    }


def _image(base: str, minor: int, server: Item) -> Any:
    key = server["image_id"]
    if not key:
        return ""
    image: Row = {"id": key, "links": bookmark(base, "images", key)}
    if minor >= 98:
        image["properties"] = server["image_properties"]
    return image


def _flavor(base: str, minor: int, server: Item) -> Row:
    flavor: Row = server["flavor"]
    if minor < 47:
        return {"id": flavor["id"], "links": bookmark(base, "flavors", flavor["id"])}
    return {
        "vcpus": flavor["vcpus"],
        "ram": flavor["ram"],
        "disk": flavor["disk"],
        "ephemeral": flavor["ephemeral"],
        "swap": flavor["swap"],
        "original_name": flavor["name"],
        "extra_specs": flavor["extra_specs"],
    }


def flavor_view(call: Call, flavor: Item, *, detail: bool) -> Row:
    shown: Row = {
        "id": flavor["id"],
        "name": flavor["name"],
        "links": links(call.base, "flavors", flavor["id"]),
    }
    if call.at_least(2, 55):
        shown["description"] = flavor["description"]
    if not detail:
        return shown
    empty = 0 if call.at_least(2, 75) else ""
    shown |= {
        "ram": flavor["ram"],
        "disk": flavor["disk"],
        "swap": flavor["swap"] or empty,
        "vcpus": flavor["vcpus"],
        "OS-FLV-EXT-DATA:ephemeral": flavor["ephemeral"],
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": flavor["is_public"],
        "rxtx_factor": 1.0,
    }
    if call.at_least(2, 61):
        shown["extra_specs"] = flavor["extra_specs"]
    return shown
