"""What each kind of resource checks and does beyond what all of them do."""

import ipaddress
from collections.abc import Callable
from typing import Any

from ..cloud import new_id
from ..core import ApiError, Call
from ..items import Item, Row
from . import routers
from .addresses import (
    FLOATING_IPS,
    PORTS,
    allocate,
    bind,
    default_group,
    fixed_ips,
    make_group,
    make_port,
    make_rule,
    release,
    remove_port,
    subnets_of,
)
from .service import KINDS, Kind, bad, find, make, table, update

# Only an admin sets these; anybody else is refused by policy.
ADMIN_FIELDS = {
    "networks": ("shared", "router:external", "is_default", "provider:"),
    "ports": ("binding:host_id", "binding:profile"),
    "routers": ("distributed", "ha"),
    "floatingips": ("floating_ip_address",),
}


def check_admin_fields(call: Call, kind: Kind, values: Row) -> None:
    if call.is_admin:
        return
    for key, value in values.items():
        # A field that is given as it would be anyway is let through.
        if key.startswith(ADMIN_FIELDS.get(kind.plural, ("\0",))) and value:
            rule = f"rule:create_{kind.singular}"
            message = f"({rule} and {rule}:{key}) is disallowed by policy"
            raise ApiError(403, message, "PolicyNotAuthorized")


def check_quota(call: Call, kind: Kind, project: str) -> None:
    bound = call.cloud.settings.quota[kind.quota]
    if 0 <= bound <= used(call, kind, project):
        raise ApiError(409, f"Quota exceeded for resources: ['{kind.quota}'].", "OverQuota")


def used(call: Call, kind: Kind, project: str) -> int:
    return len(table(call.region, kind).where(project_id=project))


def plain(call: Call, kind: Kind, project: str, values: Row) -> Item:
    return make(call.region, kind, project, values)


def as_given(call: Call, item: Item, values: Row) -> Row:
    return values


def nothing(call: Call, item: Item) -> None:
    pass


def changed(call: Call, kind: Kind, item: Item) -> None:
    """Tell Nova, where a server's addresses may be others now."""
    port = item
    if kind is FLOATING_IPS:
        port = call.region.ports.get(item["port_id"] or "") or Item({})
    if kind in (PORTS, FLOATING_IPS) and port.get("device_id"):
        call.region.device_changed(port["device_id"])


def create_subnet(call: Call, kind: Kind, project: str, values: Row) -> Item:
    network = find(call, KINDS["networks"], values["network_id"])
    try:
        block = ipaddress.ip_network(values["cidr"])
    except ValueError:
        raise bad(
            f"Invalid input for operation: {values['cidr']} is not in a CIDR format.",
            "InvalidInput",
        ) from None
    if block.version != values["ip_version"]:
        raise bad(
            f"Invalid input for operation: cidr '{values['cidr']}' does not match the ip_version "
            f"'{values['ip_version']}'.",
            "InvalidInput",
        )
    values["cidr"] = str(block)
    if "gateway_ip" not in values:
        values["gateway_ip"] = str(block[1])
    if not values.get("allocation_pools"):
        first = 2 if values["gateway_ip"] == str(block[1]) else 1
        last = -2 if block.version == 4 else -1
        values["allocation_pools"] = [{"start": str(block[first]), "end": str(block[last])}]
    values["router:external"] = network["router:external"]
    subnet = make(call.region, kind, project, values)
    update(network, subnets=[*network["subnets"], subnet["id"]])
    return subnet


def delete_subnet(call: Call, item: Item) -> None:
    busy = [
        port["id"]
        for port in call.region.ports
        if any(one["subnet_id"] == item["id"] for one in port["fixed_ips"])
    ]
    if busy:
        raise ApiError(
            409,
            f"Unable to complete operation on subnet {item['id']}: One or more ports have an IP "
            "allocation from this subnet.",
            "SubnetInUse",
        )
    network = call.region.networks.get(item["network_id"])
    if network is not None:
        update(network, subnets=[one for one in network["subnets"] if one != item["id"]])


def delete_network(call: Call, item: Item) -> None:
    busy = [port["id"] for port in call.region.ports.where(network_id=item["id"])]
    if busy:
        raise ApiError(
            409,
            f"Unable to complete operation on network {item['id']}. There are one or more ports "
            f"still in use on the network, id for these ports is: {','.join(busy)}.",
            "NetworkInUse",
        )
    for subnet in subnets_of(call.region, item["id"]):
        call.region.subnets.remove(subnet["id"])


def create_port(call: Call, kind: Kind, project: str, values: Row) -> Item:
    network = find(call, KINDS["networks"], values.pop("network_id"))
    # Taken without an error, and lost: seen on a real Neutron that has `tag-creation`.
    values.pop("tags", None)
    for group in values.get("security_groups") or ():
        find(call, KINDS["security-groups"], group)
    return make_port(call.region, network, project, **values)


def update_port(call: Call, item: Item, values: Row) -> Row:
    for group in values.get("security_groups") or ():
        find(call, KINDS["security-groups"], group)
    if "fixed_ips" in values:
        release(call.region, item["fixed_ips"])
        wanted = values["fixed_ips"]
        values["fixed_ips"] = fixed_ips(call.region, item["network_id"], wanted) if wanted else []
    return values


def delete_port(call: Call, item: Item) -> None:
    if item["device_owner"].startswith("network:router"):
        raise ApiError(
            409,
            f"Port {item['id']} cannot be deleted directly via the port API: has device owner "
            f"{item['device_owner']}.",
            "ServicePortInUse",
        )
    remove_port(call.region, item)


def create_floating_ip(call: Call, kind: Kind, project: str, values: Row) -> Item:
    region = call.region
    outside = values["floating_network_id"]
    network = region.networks.get(outside)
    if network is None or not network["router:external"]:
        raise bad(
            f"Bad floatingip request: Network {outside} is not a valid external network.",
            "BadRequest",
        )
    subnets = [one for one in subnets_of(region, outside) if one["ip_version"] == 4]
    if not subnets:
        raise bad(
            f"Bad floatingip request: Network {outside} does not contain any IPv4 subnet.",
            "BadRequest",
        )
    port = find(call, PORTS, values["port_id"]) if values.get("port_id") else None
    wanted = values.pop("subnet_id", None)
    subnets = [one for one in subnets if wanted in (None, one["id"])]
    address = allocate(region, subnets[0], values.pop("floating_ip_address", None))
    values |= {"id": new_id(), "floating_ip_address": address["ip_address"], "_fixed": [address]}
    bound: Row = {}
    if port is not None:
        try:
            bound = bind(region, values, port, values.get("fixed_ip_address"))
        except ApiError:
            # A refused request leaves nothing behind.
            release(region, [address])
            raise
    made = make(region, kind, project, values | bound)
    del made["subnet_id"]
    if bound:
        call.cloud.later(0, come_up, made)
        changed(call, kind, made)
    return made


def come_up(floating: Item) -> None:
    """The agent has carried it out."""
    if floating["port_id"]:
        update(floating, status="ACTIVE")


def update_floating_ip(call: Call, item: Item, values: Row) -> Row:
    if "port_id" not in values:
        return values
    before = call.region.ports.get(item["port_id"] or "")
    if values["port_id"]:
        port = find(call, PORTS, values["port_id"])
        values |= bind(call.region, item, port, values.get("fixed_ip_address"))
        call.cloud.later(0, come_up, item)
    else:
        free: dict[str, Any] = dict.fromkeys(("port_id", "fixed_ip_address", "router_id"))
        values |= free | {"status": "DOWN", "port_details": None}
    if before is not None and before["device_id"]:
        call.cloud.later(0, call.region.device_changed, before["device_id"])
    return values


def delete_floating_ip(call: Call, item: Item) -> None:
    release(call.region, item["_fixed"])


def create_security_group(call: Call, kind: Kind, project: str, values: Row) -> Item:
    if values["name"] == "default":
        default_group(call.region, project)
        raise ApiError(
            409, "Default security group already exists.", "SecurityGroupDefaultAlreadyExists"
        )
    return make_group(call.region, project, values, "egress")


def delete_security_group(call: Call, item: Item) -> None:
    used = any(item["id"] in port["security_groups"] for port in call.region.ports)
    if used or (item["name"] == "default" and not call.is_admin):
        kind = "SecurityGroupInUse" if used else "SecurityGroupCannotRemoveDefault"
        raise ApiError(409, f"Security Group {item['id']} in use.", kind)
    for rule in call.region.security_group_rules.where(security_group_id=item["id"]):
        call.region.security_group_rules.remove(rule["id"])


def create_rule(call: Call, kind: Kind, project: str, values: Row) -> Item:
    find(call, KINDS["security-groups"], values["security_group_id"])
    for other in call.region.security_group_rules.where(
        security_group_id=values["security_group_id"]
    ):
        if all(
            other[key] == values.get(key, kind.takes[key])
            for key in kind.takes
            if key != "description"
        ):
            raise ApiError(
                409,
                f"Security group rule already exists. Rule id is {other['id']}.",
                "SecurityGroupRuleExists",
            )
    return make_rule(call.region, project, values)


def delete_rule(call: Call, item: Item) -> None:
    group = call.region.security_groups.get(item["security_group_id"])
    if group is not None:
        left = [one for one in group["security_group_rules"] if one["id"] != item["id"]]
        update(group, security_group_rules=left)


CREATE: dict[str, Callable[[Call, Kind, str, Row], Item]] = {
    "subnets": create_subnet,
    "ports": create_port,
    "routers": routers.create,
    "floatingips": create_floating_ip,
    "security-groups": create_security_group,
    "security-group-rules": create_rule,
}
UPDATE: dict[str, Callable[[Call, Item, Row], Row]] = {
    "ports": update_port,
    "routers": routers.change,
    "floatingips": update_floating_ip,
}
DELETE: dict[str, Callable[[Call, Item], None]] = {
    "networks": delete_network,
    "subnets": delete_subnet,
    "ports": delete_port,
    "routers": routers.delete,
    "floatingips": delete_floating_ip,
    "security-groups": delete_security_group,
    "security-group-rules": delete_rule,
}
