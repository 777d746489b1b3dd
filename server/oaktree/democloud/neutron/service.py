"""Neutron's frame: the service, its kinds of resource as data, and what all of them share."""

from dataclasses import dataclass, field
from typing import Any

from .. import errors
from ..cloud import Region, new_id, now
from ..core import ApiError, Call, Service
from ..items import Item, Row, Table

SERVICE = Service("network", errors.network, prefix=lambda cloud: r"/v2\.0(?=/|$)")

STAMPS: Row = {"created_at": None, "updated_at": None, "revision_number": 1, "tags": []}
# What Neutron did not have yet in Kilo.
NEWER_THAN_KILO = ("project_id", *STAMPS)


@dataclass(frozen=True)
class Kind:
    """One kind of resource: the fields it takes in a POST, and those that it only shows."""

    plural: str
    singular: str
    label: str
    """As in the type of an error: PortNotFound."""
    quota: str
    takes: Row
    """Field: its default."""
    shows: Row = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    """Taken in a POST, refused in a PUT."""
    required: tuple[str, ...] = ()
    missing: str = "{label} {id} could not be found."
    takes_tags: bool = False
    described_in_kilo: bool = False

    @property
    def newer_than_kilo(self) -> tuple[str, ...]:
        """The fields that came later, to be hidden where the cloud is old."""
        return NEWER_THAN_KILO if self.described_in_kilo else (*NEWER_THAN_KILO, "description")


KINDS = {
    kind.plural: kind
    for kind in (
        Kind(
            "networks",
            "network",
            "Network",
            "network",
            takes={
                "name": "",
                "admin_state_up": True,
                "shared": False,
                "router:external": False,
                "description": "",
                "port_security_enabled": True,
                "mtu": 1450,
                "availability_zone_hints": [],
                "is_default": False,
                "dns_domain": "",
                "provider:network_type": "geneve",
                "provider:physical_network": None,
                "provider:segmentation_id": None,
                "qos_policy_id": None,
            },
            shows={
                "status": "ACTIVE",
                "subnets": [],
                "availability_zones": ["nova"],
                "ipv4_address_scope": None,
                "ipv6_address_scope": None,
                "l2_adjacency": True,
                "vlan_transparent": False,
                "qinq": False,
            },
            fixed=("availability_zone_hints",),
        ),
        Kind(
            "subnets",
            "subnet",
            "Subnet",
            "subnet",
            takes={
                "name": "",
                "network_id": "",
                "cidr": "",
                "ip_version": 4,
                "gateway_ip": None,
                "enable_dhcp": True,
                "allocation_pools": [],
                "dns_nameservers": [],
                "host_routes": [],
                "description": "",
                "ipv6_address_mode": None,
                "ipv6_ra_mode": None,
                "subnetpool_id": None,
                "service_types": [],
            },
            shows={"router:external": False, "revision_number": 0},
            fixed=("network_id", "cidr", "ip_version", "subnetpool_id"),
            required=("ip_version", "network_id", "cidr"),
        ),
        Kind(
            "ports",
            "port",
            "Port",
            "port",
            takes={
                "name": "",
                "network_id": "",
                "admin_state_up": True,
                "mac_address": "",
                "fixed_ips": [],
                "device_id": "",
                "device_owner": "",
                "security_groups": [],
                "description": "",
                "allowed_address_pairs": [],
                "extra_dhcp_opts": [],
                "binding:vnic_type": "normal",
                "binding:host_id": "",
                "binding:profile": {},
                "port_security_enabled": True,
                "qos_policy_id": None,
                "dns_name": "",
            },
            shows={
                "status": "DOWN",
                "binding:vif_type": "unbound",
                "binding:vif_details": {},
                "dns_assignment": [],
                "qos_network_policy_id": None,
                "ip_allocation": "immediate",
            },
            fixed=("network_id",),
            required=("network_id",),
            takes_tags=True,
        ),
        Kind(
            "routers",
            "router",
            "Router",
            "router",
            takes={
                "name": "",
                "admin_state_up": True,
                "external_gateway_info": None,
                "description": "",
                "availability_zone_hints": [],
                "distributed": False,
                "ha": False,
            },
            shows={
                "status": "ACTIVE",
                "routes": [],
                "flavor_id": None,
                "availability_zones": ["nova"],
            },
            fixed=("availability_zone_hints",),
            missing="Router {id} could not be found",
        ),
        Kind(
            "floatingips",
            "floatingip",
            "FloatingIP",
            "floatingip",
            takes={
                "floating_network_id": "",
                "port_id": None,
                "fixed_ip_address": None,
                "floating_ip_address": None,
                "subnet_id": None,
                "description": "",
                "dns_name": "",
                "dns_domain": "",
                "qos_policy_id": None,
            },
            shows={
                "status": "DOWN",
                "router_id": None,
                "port_details": None,
                "port_forwardings": [],
                "revision_number": 0,
            },
            fixed=("floating_network_id", "floating_ip_address", "subnet_id"),
            required=("floating_network_id",),
            missing="Floating IP {id} could not be found",
        ),
        Kind(
            "security-groups",
            "security_group",
            "SecurityGroup",
            "security_group",
            takes={"name": "", "description": "", "stateful": True},
            shows={"shared": False, "security_group_rules": []},
            described_in_kilo=True,
            required=("name",),
            missing="Security group {id} does not exist",
        ),
        Kind(
            "security-group-rules",
            "security_group_rule",
            "SecurityGroupRule",
            "security_group_rule",
            takes={
                "security_group_id": "",
                "direction": "ingress",
                "ethertype": "IPv4",
                "protocol": None,
                "port_range_min": None,
                "port_range_max": None,
                "remote_ip_prefix": None,
                "remote_group_id": None,
                "remote_address_group_id": None,
                "description": "",
            },
            shows={"normalized_cidr": None, "belongs_to_default_sg": False},
            required=("security_group_id", "direction"),
            missing="Security group rule {id} does not exist",
        ),
    )
}
LAYER_3 = ("routers", "floatingips")


def table(region: Region, kind: Kind) -> Table:
    return region.tables[kind.plural.replace("-", "_")]


def not_found(kind: Kind, key: str) -> ApiError:
    kind_of_error = f"{kind.label}NotFound"
    return ApiError(404, kind.missing.format(label=kind.label, id=key), kind_of_error)


def bad(message: str, kind: str = "HTTPBadRequest") -> ApiError:
    return ApiError(400, message, kind)


def make(region: Region, kind: Kind, project: str, values: Row) -> Item:
    """Add a resource as it is given, with defaults and stamps, and nothing checked."""
    stamp = now()
    own: Row = {"id": new_id(), "tenant_id": project, "project_id": project}
    defaults = {
        key: value.copy() if isinstance(value, list | dict) else value
        for key, value in (kind.takes | STAMPS | kind.shows).items()
    }
    return table(region, kind).add(
        own | defaults | {"created_at": stamp, "updated_at": stamp} | values
    )


def update(item: Item, **values: Any) -> None:
    item.change(**values, updated_at=now(), revision_number=item.get("revision_number", 0) + 1)


def visible(call: Call, kind: Kind, item: Item) -> bool:
    if call.is_admin or item["project_id"] == call.project:
        return True
    if kind.plural == "networks":
        return bool(item["shared"] or item["router:external"])
    if kind.plural == "subnets":
        network = call.region.networks.get(item["network_id"])
        # An external network's subnets stay hidden from those it is not shared with.
        return network is not None and bool(
            network["shared"] or network["project_id"] == call.project
        )
    return False


def find(call: Call, kind: Kind, key: str) -> Item:
    """Raises ApiError 404 for what there is not and for what the caller may not see alike."""
    item = table(call.region, kind).get(key)
    if item is None or not visible(call, kind, item):
        raise not_found(kind, key)
    return item
