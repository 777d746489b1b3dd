"""The network that Neutron makes for a project which has none, when Nova asks for it."""

from ..cloud import Region
from ..core import ApiError, Call, Reply
from ..items import Item
from .checks import create_subnet
from .routers import connect, gateway
from .service import KINDS, SERVICE, make

CIDR = "10.1.0.0/26"
NAME = "auto_allocated_network"


@SERVICE.route("GET", "/auto-allocated-topology/{project}")
def topology(call: Call) -> Reply:
    if call.cloud.profile.old or not call.cloud.profile.floating_ips:
        raise ApiError(404, "The resource could not be found.", "HTTPNotFound")
    if call.args["project"] != call.project and not call.is_admin:
        raise ApiError(404, "The resource could not be found.", "HTTPNotFound")
    if call.query.get("fields") == "dry-run":
        _outside(call.region)
        found = "dry-run=pass"
    else:
        found = allocate(call)["id"]
    shown = {"id": found, "project_id": call.project, "tenant_id": call.project}
    return Reply({"auto_allocated_topology": shown})


def _outside(region: Region) -> Item:
    """The default external network. Raises ApiError 409 where there is none."""
    for network in region.networks.where(is_default=True):
        return network
    raise ApiError(
        409, "Deployment error: No default router:external network.", "AutoAllocationFailure"
    )


def allocate(call: Call) -> Item:
    """The project's own such network, made if it is not there. Raises ApiError 409 as above."""
    region, outside = call.region, _outside(call.region)
    for network in region.networks.where(project_id=call.project, name=NAME):
        return network
    network = make(region, KINDS["networks"], call.project, {"name": NAME})
    values = {"network_id": network["id"], "cidr": CIDR, "ip_version": 4}
    subnet = create_subnet(call, KINDS["subnets"], call.project, values)
    wanted = {"network_id": outside["id"]}
    router = make(
        region,
        KINDS["routers"],
        call.project,
        {"name": "auto_allocated_router", "external_gateway_info": gateway(region, wanted)},
    )
    connect(region, router, subnet)
    return network
