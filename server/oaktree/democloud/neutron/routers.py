"""Routers: gateways and interfaces."""

from ..cloud import Region
from ..core import ApiError, Call, Reply
from ..items import Item, Row
from .addresses import PORTS, allocate, make_port, release, remove_port, subnets_of
from .policy import check_policy
from .service import KINDS, SERVICE, Kind, bad, find, make, update

ROUTERS, SUBNETS = KINDS["routers"], KINDS["subnets"]


def gateway(region: Region, wanted: Row | None) -> Row | None:
    """The gateway as a router shows it, with an address of its own on the external network."""
    if not wanted:
        return None
    network = region.networks.get(wanted["network_id"])
    if network is None or not network["router:external"]:
        raise bad(
            f"Bad router request: Network {wanted['network_id']} is not an external network.",
            "BadRequest",
        )
    subnets = [one for one in subnets_of(region, network["id"]) if one["ip_version"] == 4]
    return {
        "network_id": network["id"],
        "enable_snat": wanted.get("enable_snat", True),
        "external_fixed_ips": [allocate(region, subnet) for subnet in subnets[:1]],
    }


def create(call: Call, kind: Kind, project: str, values: Row) -> Item:
    values["external_gateway_info"] = gateway(call.region, values.get("external_gateway_info"))
    return make(call.region, kind, project, values)


def change(call: Call, item: Item, values: Row) -> Row:
    if "external_gateway_info" in values:
        before = item["external_gateway_info"]
        if before and call.region.floatingips.where(router_id=item["id"]):
            raise ApiError(
                409,
                f"Gateway cannot be updated for router {item['id']}, since a gateway to external "
                f"network {before['network_id']} is required by one or more floating IPs.",
                "RouterExternalGatewayInUseByFloatingIp",
            )
        if before:
            release(call.region, before["external_fixed_ips"])
        values["external_gateway_info"] = gateway(call.region, values["external_gateway_info"])
    return values


def delete(call: Call, item: Item) -> None:
    if call.region.ports.where(device_id=item["id"]):
        ports = ",".join(port["id"] for port in call.region.ports.where(device_id=item["id"]))
        raise ApiError(409, f"Router {item['id']} has ports still attached: {ports}", "RouterInUse")
    if item["external_gateway_info"]:
        release(call.region, item["external_gateway_info"]["external_fixed_ips"])


def connect(region: Region, router: Item, subnet: Item, *, second: bool = False) -> Item:
    """The router's port on a subnet, at the subnet's gateway address, which a `second` router's
    is not."""
    network = region.networks.get(subnet["network_id"])
    assert network is not None
    own = {"ip_address": subnet["gateway_ip"]}
    return make_port(
        region,
        network,
        router["project_id"],
        device_id=router["id"],
        device_owner="network:router_interface",
        status="ACTIVE",
        fixed_ips=[{"subnet_id": subnet["id"]} | ({} if second else own)],
        security_groups=[],
        port_security_enabled=False,
    )


@SERVICE.route("PUT", "/routers/{id}/add_router_interface")
def add_interface(call: Call) -> Reply:
    router = find(call, ROUTERS, call.args["id"])
    check_policy(call, "add_router_interface")
    body = call.body or {}
    if "port_id" in body:
        port = find(call, PORTS, body["port_id"])
        update(
            port, device_id=router["id"], device_owner="network:router_interface", status="ACTIVE"
        )
    else:
        subnet = find(call, SUBNETS, body.get("subnet_id", ""))
        for other in call.region.ports.where(device_id=router["id"]):
            if any(one["subnet_id"] == subnet["id"] for one in other["fixed_ips"]):
                raise bad(
                    f"Bad router request: Router already has a port on subnet {subnet['id']}.",
                    "BadRequest",
                )
        port = connect(call.region, router, subnet)
    return _interface(router, port)


@SERVICE.route("PUT", "/routers/{id}/remove_router_interface")
def remove_interface(call: Call) -> Reply:
    router = find(call, ROUTERS, call.args["id"])
    check_policy(call, "remove_router_interface")
    body = call.body or {}
    for port in call.region.ports.where(device_id=router["id"]):
        subnets = [one["subnet_id"] for one in port["fixed_ips"]]
        if port["id"] == body.get("port_id") or body.get("subnet_id") in subnets:
            if any(
                one["fixed_ip_address"]
                for one in call.region.floatingips.where(router_id=router["id"])
                if _behind(call.region, one, subnets)
            ):
                raise ApiError(
                    409,
                    f"Router interface for subnet {subnets[0]} on router {router['id']} cannot be "
                    "deleted, as it is required by one or more floating IPs.",
                    "RouterInterfaceInUseByFloatingIP",
                )
            remove_port(call.region, port)
            return _interface(router, port)
    raise ApiError(
        404,
        f"Router {router['id']} has no interface on subnet {body.get('subnet_id')}",
        "RouterInterfaceNotFoundForSubnet",
    )


def _behind(region: Region, floating: Item, subnets: list[str]) -> bool:
    port = region.ports.get(floating["port_id"] or "")
    return port is not None and any(one["subnet_id"] in subnets for one in port["fixed_ips"])


def _interface(router: Item, port: Item) -> Reply:
    subnets = [one["subnet_id"] for one in port["fixed_ips"]]
    return Reply(
        {
            "id": router["id"],
            "project_id": router["project_id"],
            "port_id": port["id"],
            "network_id": port["network_id"],
            "subnet_id": subnets[0],
            "subnet_ids": subnets,
        }
    )
