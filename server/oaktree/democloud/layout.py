"""A region's networks, as a cloud starts with them and as tests lay them out."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from .cloud import Region
from .items import Item, Row
from .keystone import service as keystone
from .neutron.routers import connect, gateway
from .neutron.service import KINDS, make, update

# Kept for benchmarks and for documents: nobody is really there, should a client look.
OUTSIDE_V4, OUTSIDE_V6, INSIDE_V4 = "198.18.0.0/16", "2001:db8::/48", "10.0.0.0/16"
TABLES = ("floatingips", "ports", "routers", "subnets", "networks")
# A pool need not hold all that a subnet of version 6 could.
POOL = 0xFFFFFFFF


@dataclass
class Net:
    """A network, with a subnet for each of `cidrs`, and for each of `routed_to`, which names
    external networks, a router that leads there. All of the project."""

    name: str
    project: str = "demo"
    cidrs: Iterable[str] = (INSIDE_V4,)
    external: bool = False
    shared: bool = False
    is_default: bool = False
    routed_to: Iterable[str] = ()


def start(floating_ips: bool) -> list[Net]:
    """What a cloud starts with."""
    outside = Net("public", "admin", (OUTSIDE_V4, OUTSIDE_V6), external=True)
    if not floating_ips:
        outside.shared = True
        return [outside]
    return [outside, inside("demo"), inside("other")]


def inside(project: str) -> Net:
    """What a project starts with where servers need floating IPs."""
    return Net("private", project, routed_to=["public"])


def lay_out(region: Region, nets: Iterable[Net]) -> None:
    """Replaces all networks, and what is on them."""
    for name in TABLES:
        for item in region.tables[name]:
            region.tables[name].remove(item["id"])
    for net in nets:
        add(region, net)


def _id(region: Region, kind: str, name: str) -> str:
    return region.cloud.fixed_id(region.name, kind, name)


def add(region: Region, net: Net) -> None:
    """Raises ValueError where an external network it is routed to is not there."""
    owner = keystone.project_id(region.cloud, net.project)
    key = f"{net.project}/{net.name}"
    values: Row = {
        "id": _id(region, "network", key),
        "name": net.name,
        "shared": net.shared,
        "router:external": net.external,
        "is_default": net.is_default,
    }
    network = make(region, KINDS["networks"], owner, values)
    subnets = [_subnet(region, network, key, cidr) for cidr in net.cidrs]
    update(network, subnets=[subnet["id"] for subnet in subnets])
    for outside in net.routed_to:
        [found] = region.networks.where(name=outside)
        number = len(region.routers.where(project_id=owner)) + 1
        router = make(
            region,
            KINDS["routers"],
            owner,
            {
                "id": _id(region, "router", f"{net.project}/{number}"),
                "name": f"router{number}",
                "external_gateway_info": gateway(region, {"network_id": found["id"]}),
            },
        )
        for subnet in subnets:
            connect(region, router, subnet, second=number > 1)


def _subnet(region: Region, network: Item, key: str, cidr: str) -> Item:
    block = ipaddress.ip_network(cidr)
    last = block[-2] if block.version == 4 else block[min(POOL, block.num_addresses - 1)]
    return make(
        region,
        KINDS["subnets"],
        network["project_id"],
        {
            "id": _id(region, "subnet", f"{key}/{block.version}"),
            "name": f"{network['name']}-subnet" + ("" if block.version == 4 else "-v6"),
            "network_id": network["id"],
            "cidr": cidr,
            "ip_version": block.version,
            "gateway_ip": str(block[1]),
            "allocation_pools": [{"start": str(block[2]), "end": str(last)}],
        },
    )
