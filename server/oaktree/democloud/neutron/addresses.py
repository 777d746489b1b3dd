"""Addresses and ports: what Neutron does for itself, for its users and for Nova."""

import ipaddress
import random
from typing import Any

from ..cloud import Region
from ..core import ApiError
from ..items import Item, Row
from .service import KINDS, bad, make, not_found, update

PORTS, FLOATING_IPS = KINDS["ports"], KINDS["floatingips"]


def default_group(region: Region, project: str) -> Item:
    """The project's security group `default`, which comes into being when somebody looks."""
    found = region.security_groups.where(project_id=project, name="default")
    if found:
        return found[0]
    values = {"name": "default", "description": "Default security group"}
    return make_group(region, project, values, "egress", "ingress")


def make_group(region: Region, project: str, values: Row, *directions: str) -> Item:
    """A group that lets everything out and, with `ingress`, its own members in."""
    group = make(region, KINDS["security-groups"], project, values)
    for direction in directions:
        for ethertype in ("IPv4", "IPv6"):
            rule = {
                "security_group_id": group["id"],
                "direction": direction,
                "ethertype": ethertype,
                "remote_group_id": group["id"] if direction == "ingress" else None,
                "belongs_to_default_sg": group["name"] == "default",
                "description": None,
            }
            make_rule(region, project, rule)
    return group


def make_rule(region: Region, project: str, values: Row) -> Item:
    rule = make(region, KINDS["security-group-rules"], project, values)
    group = region.security_groups.get(values["security_group_id"])
    assert group is not None
    update(group, security_group_rules=[*group["security_group_rules"], rule])
    return rule


def subnets_of(region: Region, network_id: str) -> list[Item]:
    return region.subnets.where(network_id=network_id)


def allocate(region: Region, subnet: Item, wanted: str | None = None) -> Row:
    """An address of the subnet. Raises ApiError 409 where it is taken, or none is left."""
    used: set[str] = subnet.setdefault("_used", set())
    if wanted is not None:
        try:
            if ipaddress.ip_address(wanted) not in ipaddress.ip_network(subnet["cidr"]):
                raise bad(
                    f"IP address {wanted} is not a valid IP for the specified subnet.",
                    "InvalidIpForSubnet",
                )
        except ValueError:
            raise bad(
                f"Invalid input for fixed_ips. Reason: '{wanted}' is not a valid IP."
            ) from None
        if wanted in used:
            raise ApiError(
                409,
                f"IP address {wanted} already allocated in subnet {subnet['id']}",
                "IpAddressAlreadyAllocated",
            )
        used.add(wanted)
        return {"subnet_id": subnet["id"], "ip_address": wanted}
    for pool in subnet["allocation_pools"]:
        first, last = (int(ipaddress.ip_address(pool[end])) for end in ("start", "end"))
        make_address = type(ipaddress.ip_address(pool["start"]))
        # Going on from the last one found keeps 10 000 ports from looking 10 000 times.
        for start in (max(first, subnet.get("_next", first)), first):
            for number in range(start, last + 1):
                address = str(make_address(number))
                if address not in used:
                    used.add(address)
                    subnet["_next"] = number
                    return {"subnet_id": subnet["id"], "ip_address": address}
    raise ApiError(
        409,
        f"No more IP addresses available on network {subnet['network_id']}.",
        "IpAddressGenerationFailure",
    )


def fixed_ips(region: Region, network_id: str, wanted: list[Row]) -> list[Row]:
    """As asked for, else one address of each IP version that the network has a subnet for."""
    subnets = subnets_of(region, network_id)
    if not wanted:
        versions: dict[int, Item] = {}
        for subnet in subnets:
            versions.setdefault(subnet["ip_version"], subnet)
        return [allocate(region, subnet) for subnet in versions.values()]
    made: list[Row] = []
    for one in wanted:
        fitting = next((subnet for subnet in subnets if _fits(subnet, one)), None)
        if fitting is None:
            if "subnet_id" in one:
                raise not_found(KINDS["subnets"], one["subnet_id"])
            raise bad(
                f"IP address {one.get('ip_address')} is not a valid IP for any of the subnets on "
                "the specified network.",
                "InvalidIpForNetwork",
            )
        made.append(allocate(region, fitting, one.get("ip_address")))
    return made


def _fits(subnet: Item, wanted: Row) -> bool:
    if "subnet_id" in wanted:
        return bool(subnet["id"] == wanted["subnet_id"])
    try:
        address = ipaddress.ip_address(wanted["ip_address"])
    except (KeyError, ValueError):
        return False
    return address in ipaddress.ip_network(subnet["cidr"])


def release(region: Region, addresses: list[Row]) -> None:
    for one in addresses:
        subnet = region.subnets.get(one["subnet_id"])
        if subnet is not None:
            subnet.get("_used", set()).discard(one["ip_address"])


def make_port(region: Region, network: Item, project: str, **values: Any) -> Item:
    """A port with addresses, a MAC and a security group, as a POST makes one."""
    values["fixed_ips"] = fixed_ips(region, network["id"], values.get("fixed_ips") or [])
    if not values.get("mac_address"):
        values["mac_address"] = "fa:16:3e:" + ":".join(
            f"{random.getrandbits(8):02x}" for _ in range(3)
        )
    secured = values.setdefault("port_security_enabled", network["port_security_enabled"])
    if "security_groups" not in values:
        values["security_groups"] = [default_group(region, project)["id"]] if secured else []
    return make(region, PORTS, project, {"network_id": network["id"], **values})


def remove_port(region: Region, port: Item) -> None:
    """The floating IPs at it stay, with nothing behind them."""
    for floating in region.floatingips.where(port_id=port["id"]):
        unbind(floating)
    release(region, port["fixed_ips"])
    region.ports.remove(port["id"])


def unbind(floating: Item) -> None:
    update(
        floating,
        port_id=None,
        fixed_ip_address=None,
        router_id=None,
        port_details=None,
        status="DOWN",
    )


def bind(region: Region, floating: Row, port: Item, wanted: str | None) -> Row:
    """What a floating IP shows once it is bound to the port. Nothing is changed."""
    fixed = [
        one
        for one in port["fixed_ips"]
        if ":" not in one["ip_address"] and wanted in (None, one["ip_address"])
    ]
    if not fixed:
        raise bad(
            f"Bad floatingip request: Cannot add floating IP to port {port['id']} that has no "
            "fixed IPv4 addresses.",
            "BadRequest",
        )
    outside = floating["floating_network_id"]
    address, subnet = fixed[0]["ip_address"], fixed[0]["subnet_id"]
    router = next(
        (
            router
            for router in region.routers
            if (router["external_gateway_info"] or {}).get("network_id") == outside
            and any(
                one["subnet_id"] == subnet
                for inside in region.ports.where(device_id=router["id"])
                for one in inside["fixed_ips"]
            )
        ),
        None,
    )
    if router is None:
        raise ApiError(
            404,
            f"External network {outside} is not reachable from subnet {subnet}.  Therefore, "
            f"cannot associate Port {port['id']} with a Floating IP.",
            "ExternalGatewayForFloatingIPNotFound",
        )
    for other in region.floatingips.where(port_id=port["id"], fixed_ip_address=address):
        if other["id"] != floating.get("id") and other["floating_network_id"] == outside:
            raise ApiError(
                409,
                f"Cannot associate floating IP {floating.get('floating_ip_address')} "
                f"({floating.get('id')}) with port {port['id']} using fixed IP {address}, as that "
                f"fixed IP already has a floating IP on external network {outside}.",
                "FloatingIPPortAlreadyAssociated",
            )
    shown = (
        "name",
        "network_id",
        "mac_address",
        "admin_state_up",
        "status",
        "device_id",
        "device_owner",
    )
    return {
        "port_id": port["id"],
        "fixed_ip_address": address,
        "router_id": router["id"],
        "port_details": {key: port[key] for key in shown},
    }
