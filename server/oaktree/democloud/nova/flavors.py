"""Flavors, zones, limits, extensions: what a user reads before asking for a server."""

from ..core import ApiError, Call, Reply
from ..items import Item, Row
from .create import usage
from .service import SERVICE, page
from .views import flavor_view


def find(call: Call) -> Item:
    flavor = call.region.flavors.get(call.args["id"])
    if flavor is None:
        raise ApiError(404, f"Flavor {call.args['id']} could not be found.")
    return flavor


def _list(call: Call, path: str, *, detail: bool) -> Reply:
    flavors = sorted(call.region.flavors, key=lambda one: str(one["id"]))
    if not call.is_admin:
        flavors = [one for one in flavors if one["is_public"]]
    for name, key in (("minRam", "ram"), ("minDisk", "disk")):
        if name in call.query:
            flavors = [one for one in flavors if one[key] >= int(call.query[name])]
    items, more = page(call, path, flavors)
    return Reply({"flavors": [flavor_view(call, one, detail=detail) for one in items], **more})


@SERVICE.route("GET", "/flavors")
def list_flavors(call: Call) -> Reply:
    return _list(call, "/flavors", detail=False)


@SERVICE.route("GET", "/flavors/detail")
def list_flavors_detail(call: Call) -> Reply:
    return _list(call, "/flavors/detail", detail=True)


@SERVICE.route("GET", "/flavors/{id}")
def show_flavor(call: Call) -> Reply:
    return Reply({"flavor": flavor_view(call, find(call), detail=True)})


@SERVICE.route("GET", "/flavors/{id}/os-extra_specs")
def list_extra_specs(call: Call) -> Reply:
    return Reply({"extra_specs": find(call)["extra_specs"]})


@SERVICE.route("GET", "/os-availability-zone")
def list_zones(call: Call) -> Reply:
    zone: Row = {"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}
    return Reply({"availabilityZoneInfo": [zone]})


@SERVICE.route("GET", "/limits")
def show_limits(call: Call) -> Reply:
    quota = call.cloud.settings.quota
    used = usage(call.region.servers.where(project_id=call.project))
    absolute: Row = {
        "maxTotalInstances": quota["instances"],
        "maxTotalCores": quota["cores"],
        "maxTotalRAMSize": quota["ram"],
        "maxTotalKeypairs": quota["key_pairs"],
        "maxServerMeta": quota["metadata_items"],
        "maxServerGroups": quota["server_groups"],
        "maxServerGroupMembers": quota["server_group_members"],
        "totalInstancesUsed": used["instances"],
        "totalCoresUsed": used["cores"],
        "totalRAMUsed": used["ram"],
        "totalServerGroupsUsed": 0,
    }
    if not call.at_least(2, 36):
        # Neutron's business; what Nova says of them means nothing.
        absolute |= {
            "maxTotalFloatingIps": -1,
            "maxSecurityGroups": -1,
            "maxSecurityGroupRules": -1,
            "totalFloatingIpsUsed": 0,
            "totalSecurityGroupsUsed": 0,
        }
    if not call.at_least(2, 39):
        absolute["maxImageMeta"] = quota["metadata_items"]
    if not call.at_least(2, 57):
        absolute |= {
            "maxPersonality": 5,
            "maxPersonalitySize": 10240,
        }
    return Reply({"limits": {"rate": [], "absolute": absolute}})


@SERVICE.route("GET", "/extensions")
def list_extensions(call: Call) -> Reply:
    names = ("os-keypairs", "os-availability-zone", "os-volumes", "os-extended-volumes")
    shown = [
        {
            "name": name,
            "alias": name,
            "description": name,
            "links": [],
            "updated": "2014-12-03T00:00:00Z",
            "namespace": "",
        }
        for name in names
    ]
    return Reply({"extensions": shown})
