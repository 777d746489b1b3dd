"""What a user may ask Neutron about itself: extensions, zones, quotas."""

from ..core import ApiError, Call, Reply
from ..items import Row
from .checks import used
from .service import KINDS, LAYER_3, SERVICE, Kind

KILO = {
    "agent": "agent",
    "binding": "Port Binding",
    "external-net": "Neutron external network",
    "extra_dhcp_opt": "Neutron Extra DHCP opts",
    "provider": "Provider Network",
    "quotas": "Quota management support",
    "security-group": "security-group",
    "allowed-address-pairs": "Allowed Address Pairs",
}
NEWER = {
    "availability_zone": "Availability Zone",
    "dns-integration": "DNS Integration",
    "default-subnetpools": "Default Subnetpools",
    "net-mtu": "Network MTU",
    "network_availability_zone": "Network Availability Zone",
    "pagination": "Pagination support",
    "port-security": "Port Security",
    "project-id": "project_id field enabled",
    "quota_details": "Quota details management support",
    "revision-if-match": "If-Match constraints based on revision_number",
    "sorting": "Sorting support",
    "standard-attr-description": "standard-attr-description",
    "standard-attr-revisions": "Resource revision numbers",
    "standard-attr-tag": "Tag support for resources with standard attribute",
    "standard-attr-timestamp": "Resource timestamps",
    "tag-creation": "Tag creation for ports",
}
ROUTER = {"router": "Neutron L3 Router", "extraroute": "Neutron Extra Route"}
NEWER_ROUTER = {"auto-allocated-topology": "Auto Allocated Topology Services"}


def extensions(call: Call) -> dict[str, str]:
    profile = call.cloud.profile
    routers = ROUTER | ({} if profile.old else NEWER_ROUTER)
    return KILO | ({} if profile.old else NEWER) | (routers if profile.floating_ips else {})


def _extension(alias: str, name: str) -> Row:
    stamp = "2013-01-20T00:00:00-00:00"
    return {"alias": alias, "name": name, "description": name, "updated": stamp, "links": []}


@SERVICE.route("GET", "/extensions")
def list_extensions(call: Call) -> Reply:
    return Reply({"extensions": [_extension(*one) for one in extensions(call).items()]})


@SERVICE.route("GET", "/extensions/{alias}")
def show_extension(call: Call) -> Reply:
    alias = call.args["alias"]
    name = extensions(call).get(alias)
    if name is None:
        raise ApiError(404, f"Extension with alias {alias} does not exist", "HTTPNotFound")
    return Reply({"extension": _extension(alias, name)})


@SERVICE.route("GET", "/availability_zones")
def list_zones(call: Call) -> Reply:
    if call.cloud.profile.old:
        raise ApiError(404, "The resource could not be found.", "HTTPNotFound")
    kinds = ["network", "router"] if call.cloud.profile.floating_ips else ["network"]
    zones = [{"name": "nova", "resource": kind, "state": "available"} for kind in kinds]
    return Reply({"availability_zones": zones})


@SERVICE.route("GET", "/quotas/{project}")
def show_quota(call: Call) -> Reply:
    _check(call)
    quota = call.cloud.settings.quota
    return Reply({"quota": {kind.quota: quota[kind.quota] for kind in _kinds(call)}})


@SERVICE.route("GET", "/quotas/{project}/details")
def show_quota_details(call: Call) -> Reply:
    _check(call)
    if call.cloud.profile.old:
        raise ApiError(404, "The resource could not be found.", "HTTPNotFound")
    return Reply(
        {
            "quota": {
                kind.quota: {
                    "used": used(call, kind, call.args["project"]),
                    "limit": call.cloud.settings.quota[kind.quota],
                    "reserved": 0,
                }
                for kind in _kinds(call)
            }
        }
    )


def _kinds(call: Call) -> list[Kind]:
    layer_3 = call.cloud.profile.floating_ips
    return [kind for kind in KINDS.values() if layer_3 or kind.plural not in LAYER_3]


def _check(call: Call) -> None:
    if call.args["project"] != call.project and not call.is_admin:
        raise ApiError(
            403,
            "User does not have admin privileges: Only admin is authorized to access quotas for "
            "another project.",
            "AdminRequired",
        )
