"""A server's life: built, stopped and started, deleted; and the addresses it shows."""

from typing import Any

from ..cinder import store as volumes
from ..cloud import Region, new_id, now
from ..core import ApiError, Call
from ..items import Item, Row
from ..neutron.addresses import make_port, remove_port
from ..neutron.service import update

# How far into a build the ports appear.
PORTS_APPEAR = 0.6
HOST = "compute-1"
VM_STATES = {"ACTIVE": "active", "SHUTOFF": "stopped", "ERROR": "error", "BUILD": "building"}
POWER_STATES = {"ACTIVE": 1, "SHUTOFF": 4}


def touch(server: Item, **values: Any) -> None:
    """A change that `changes-since` sees; many do not count as one."""
    server.change(**values, updated=now())


def enter(server: Item, status: str, task_state: str | None = None, **values: Any) -> None:
    touch(
        server,
        status=status,
        task_state=task_state,
        vm_state=VM_STATES.get(status, status.lower()),
        power_state=POWER_STATES.get(status, 0),
        **values,
    )


def new_server(region: Region, project: str, user: str, flavor: Row, **values: Any) -> Item:
    """A server in BUILD. `_order` grows with each: lists show the newest first."""
    stamp = now()
    region.servers_made += 1
    defaults: Row = {
        "id": new_id(),
        "name": "server",
        "project_id": project,
        "user_id": user,
        "status": "BUILD",
        "vm_state": "building",
        "task_state": "scheduling",
        "power_state": 0,
        "progress": 0,
        "metadata": {},
        "tags": [],
        "description": None,
        "host": None,
        "host_id": "",
        "hostname": values.get("name", "server").lower(),
        "image_id": "",
        "image_properties": {},
        "flavor": flavor,
        "created": stamp,
        "updated": stamp,
        "addresses": {},
        "accessIPv4": "",
        "accessIPv6": "",
        "disk_config": "MANUAL",
        "zone": "",
        "pinned_zone": None,
        "scheduler_hints": {},
        "config_drive": "",
        "key_name": None,
        "user_data": None,
        "launched_at": None,
        "terminated_at": None,
        "volumes": [],
        "security_groups": [],
        "fault": None,
        "locked": False,
        "locked_reason": None,
        "_order": region.servers_made,
    }
    return region.servers.add(defaults | values)


def build(call: Call, server: Item, networks: list[Row], block_devices: list[Row]) -> None:
    """Carry the build on; the POST that began it is answered long before it ends."""
    region, seconds = call.region, call.cloud.settings.build_seconds
    failure = ""
    if call.fault and call.fault.kind == "server_error":
        failure = (
            call.fault.message or "No valid host was found. There are not enough hosts available."
        )
    later = call.cloud.later

    def connect() -> None:
        if server["id"] not in region.servers:
            return
        # Nova knows the groups by the ports.
        server.change(task_state="spawning", security_groups=server.get("_groups", []))
        try:
            for wanted in networks:
                _connect(region, server, wanted)
            volumes.connect(region, server, block_devices)
        except ApiError as error:
            fail(server, f"Build of instance {server['id']} aborted: {error.message}")

    def finish() -> None:
        if server["id"] not in region.servers or server["status"] != "BUILD":
            return
        if failure:
            fail(server, failure)
            return
        ports = region.ports.where(device_id=server["id"])
        for port in ports:
            plug(port, server)
        server["addresses"] = addresses(region, ports)
        zone = server["pinned_zone"] or "nova"
        enter(
            server,
            "ACTIVE",
            launched_at=now(".000000"),
            progress=0,
            host=HOST,
            host_id=_host_id(server),
            zone=zone,
        )

    later(seconds * PORTS_APPEAR, connect)
    later(seconds, finish)


def plug(port: Item, server: Item) -> None:
    """The port is at the server, and up."""
    update(
        port,
        status="ACTIVE",
        device_id=server["id"],
        device_owner="compute:nova",
        **{"binding:host_id": HOST, "binding:vif_type": "ovs"},
    )


def _host_id(server: Item) -> str:
    return str(server["project_id"])[:28] + str(server["project_id"])[:28]


def fail(server: Item, message: str, code: int = 500) -> None:
    enter(
        server,
        "ERROR",
        security_groups=[],
        fault={"code": code, "created": now(), "message": message},
    )


def _connect(region: Region, server: Item, wanted: Row) -> None:
    if wanted.get("port"):
        port = region.ports.get(wanted["port"])
        if port is None:
            raise ApiError(404, f"Port id {wanted['port']} could not be found.")
        update(port, device_id=server["id"], **{"binding:host_id": HOST})
        return
    network = region.networks.get(wanted["uuid"])
    if network is None:
        raise ApiError(404, f"Network {wanted['uuid']} could not be found.")
    if network["router:external"] and not network["shared"]:
        raise ApiError(403, "Failed to allocate the network(s), not rescheduling.")
    values: Row = {"device_id": server["id"]}
    if wanted.get("fixed_ip"):
        values["fixed_ips"] = [{"ip_address": wanted["fixed_ip"]}]
    if server.get("_group_ids") and network["port_security_enabled"]:
        values["security_groups"] = server["_group_ids"]
    port = make_port(region, network, server["project_id"], **values)
    server["_ports"] = [*server.get("_ports", ()), port["id"]]


def addresses(region: Region, ports: list[Item]) -> Row:
    """As Nova shows them, by network: fixed ones with the floating ones behind them."""
    shown: Row = {}
    for port in ports:
        network = region.networks.get(port["network_id"])
        if network is None:
            continue
        floating = region.floatingips.where(port_id=port["id"])
        rows = shown.setdefault(network["name"], [])
        for fixed in port["fixed_ips"]:
            address = fixed["ip_address"]
            rows.append(_address(address, port, "fixed"))
            rows.extend(
                _address(one["floating_ip_address"], port, "floating")
                for one in floating
                if one["fixed_ip_address"] == address
            )
    return shown


def _address(address: str, port: Item, kind: str) -> Row:
    return {
        "version": 6 if ":" in address else 4,
        "addr": address,
        "OS-EXT-IPS:type": kind,
        "OS-EXT-IPS-MAC:mac_addr": port["mac_address"],
    }


def refresh_addresses(region: Region, server_id: str) -> None:
    """Neutron told of a change at a port; Nova shows it a while later, with no newer `updated`."""
    server = region.servers.get(server_id)

    def show() -> None:
        if server is not None and server["status"] != "BUILD":
            ports = region.ports.where(device_id=server["id"])
            server.change(addresses=addresses(region, ports))

    if server is not None:
        region.cloud.later(region.cloud.settings.address_seconds, show)


def delete(call: Call, server: Item) -> None:
    """What Nova made goes with it; ports and floating IPs that its user made stay, unbound."""
    touch(server, task_state="deleting")
    call.cloud.later(call.cloud.settings.delete_seconds, remove, call.region, server)


def remove(region: Region, server: Item) -> None:
    if region.servers.remove(server["id"]) is None:
        return
    for port in region.ports.where(device_id=server["id"]):
        if port["id"] in server.get("_ports", ()):
            remove_port(region, port)
        else:
            update(port, device_id="", device_owner="", status="DOWN", **{"binding:host_id": ""})
    for attached in server["volumes"]:
        volume = region.volumes.get(attached["id"])
        if volume is not None:
            volumes.detach(volume, server["id"])
            if attached["delete_on_termination"]:
                volumes.remove(region, volume)
    # One that is deleted while it is being built leaves no trace.
    building = server["status"] == "BUILD"
    enter(
        server,
        "DELETED",
        terminated_at=now(".000000"),
        addresses={},
        metadata={},
        security_groups=[],
    )
    if not building:
        region.deleted_servers.add(server)
