"""What is done to a server, and what hangs on it: actions, console, ports, volumes."""

from collections.abc import Callable
from typing import Any

from ..cinder import store as volumes
from ..core import ApiError, Call, Reply
from ..items import Item, Row
from ..neutron.addresses import default_group, make_port, remove_port
from . import life
from .servers import check_unlocked, find
from .service import SERVICE, bad
from .views import plain

CONSOLE = """[    0.000000] Linux version 6.1.0 (democloud)
[    0.412000] Booting {name} ({id})
[    1.730000] cloud-init: {name} is up
{name} login: """


def _conflict(server: Item, what: str) -> ApiError:
    return ApiError(
        409,
        f"Cannot '{what}' instance {server['id']} while it is in vm_state {server['vm_state']}",
    )


def _must_be(server: Item, what: str, *statuses: str) -> None:
    if server["status"] not in statuses:
        raise _conflict(server, what)


def _soon(call: Call, server: Item, status: str, task: str, between: str | None = None) -> Reply:
    """Under way at once, done a while later."""

    def done() -> None:
        if server["id"] in call.region.servers and server["task_state"] == task:
            life.enter(server, status)

    life.touch(server, task_state=task, status=between or server["status"])
    # A fifth of a build: long enough to be seen, where a build is.
    call.cloud.later(call.cloud.settings.build_seconds / 5, done)
    return Reply(status=202)


def start(call: Call, server: Item, _: Any) -> Reply:
    _must_be(server, "start", "SHUTOFF")
    return _soon(call, server, "ACTIVE", "powering-on")


def stop(call: Call, server: Item, _: Any) -> Reply:
    _must_be(server, "stop", "ACTIVE", "ERROR")
    return _soon(call, server, "SHUTOFF", "powering-off")


def reboot(call: Call, server: Item, options: Any) -> Reply:
    kind = str((options or {}).get("type", "")).upper()
    if kind not in ("SOFT", "HARD"):
        raise bad(
            "Invalid input for field/attribute type. Value: "
            f"{kind}. '{kind}' is not one of ['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft']"
        )
    if kind == "SOFT":
        _must_be(server, "reboot", "ACTIVE")
        return _soon(call, server, "ACTIVE", "rebooting", "REBOOT")
    _must_be(server, "reboot", "ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "ERROR")
    return _soon(call, server, "ACTIVE", "rebooting_hard", "HARD_REBOOT")


def console(call: Call, server: Item, options: Any) -> Reply:
    if server["host"] is None:
        raise ApiError(409, f"Instance {server['id']} is not ready")
    length = (options or {}).get("length")
    text = CONSOLE.format(name=server["name"], id=server["id"])
    lines = text.splitlines()
    if length is not None and str(length).lstrip("-").isdigit() and int(length) >= 0:
        lines = lines[len(lines) - min(int(length), len(lines)) :]
    return Reply({"output": "\n".join(lines)})


def lock(call: Call, server: Item, options: Any) -> Reply:
    reason = options.get("locked_reason") if isinstance(options, dict) else None
    life.touch(server, locked=True, locked_reason=reason if call.at_least(2, 73) else None)
    return Reply(status=202)


def unlock(call: Call, server: Item, _: Any) -> Reply:
    life.touch(server, locked=False, locked_reason=None)
    return Reply(status=202)


def _steady(what: str, status: str, *before: str) -> "Action":
    def act(call: Call, server: Item, _: Any) -> Reply:
        _must_be(server, what, *before)
        life.enter(server, status)
        return Reply(status=202)

    return act


def security_group(add: bool) -> "Action":
    def act(call: Call, server: Item, options: Any) -> Reply:
        name = str((options or {}).get("name", ""))
        default_group(call.region, call.project)
        found = [
            one
            for one in call.region.security_groups.where(project_id=call.project)
            if name in (one["name"], one["id"])
        ]
        if not found:
            raise ApiError(404, f"Security group {name} not found for project {call.project}.")
        names = [one for one in server["security_groups"] if one != found[0]["name"]]
        if add:
            names.append(found[0]["name"])
        server.change(security_groups=names)
        for port in call.region.ports.where(device_id=server["id"]):
            ids = [one for one in port["security_groups"] if one != found[0]["id"]]
            port.change(security_groups=[*ids, found[0]["id"]] if add else ids)
        return Reply(status=202)

    return act


Action = Callable[[Call, Item, Any], Reply]
# The policy that each falls under, and what it does.
ACTIONS: dict[str, tuple[str, Action]] = {
    "os-start": ("servers:start", start),
    "os-stop": ("servers:stop", stop),
    "reboot": ("servers:reboot", reboot),
    "os-getConsoleOutput": ("os-console-output", console),
    "lock": ("os-lock-server:lock", lock),
    "unlock": ("os-lock-server:unlock", unlock),
    "pause": ("os-pause-server:pause", _steady("pause", "PAUSED", "ACTIVE")),
    "unpause": ("os-pause-server:unpause", _steady("unpause", "ACTIVE", "PAUSED")),
    "suspend": ("os-suspend-server:suspend", _steady("suspend", "SUSPENDED", "ACTIVE")),
    "resume": ("os-suspend-server:resume", _steady("resume", "ACTIVE", "SUSPENDED")),
    "addSecurityGroup": ("os-security-groups:add", security_group(True)),
    "removeSecurityGroup": ("os-security-groups:remove", security_group(False)),
}
ALWAYS = ("os-getConsoleOutput", "lock", "unlock")


@SERVICE.route("POST", "/servers/{id}/action")
def act(call: Call) -> Reply:
    body: Row = call.body or {}
    name = next(iter(body), "")
    if name not in ACTIONS:
        raise bad(f"There is no such action: {name}")
    rule, action = ACTIONS[name]
    server = find(call, rule)
    if name not in ALWAYS:
        check_unlocked(call, server)
    return action(call, server, body[name])


@SERVICE.route("GET", "/servers/{id}/ips")
def list_addresses(call: Call) -> Reply:
    return Reply({"addresses": plain(find(call)["addresses"])})


def _interface(call: Call, port: Item) -> Row:
    tag = {"tag": None} if call.at_least(2, 70) else {}
    return tag | {
        "port_id": port["id"],
        "net_id": port["network_id"],
        "mac_addr": port["mac_address"],
        "port_state": port["status"],
        "fixed_ips": port["fixed_ips"],
    }


@SERVICE.route("GET", "/servers/{id}/os-interface")
def list_interfaces(call: Call) -> Reply:
    ports = call.region.ports.where(device_id=find(call)["id"])
    return Reply({"interfaceAttachments": [_interface(call, port) for port in ports]})


@SERVICE.route("POST", "/servers/{id}/os-interface")
def add_interface(call: Call) -> Reply:
    server = find(call, "os-attach-interfaces:create")
    _must_be(server, "attach_interface", "ACTIVE", "SHUTOFF", "PAUSED")
    wanted = (call.body or {}).get("interfaceAttachment") or {}
    if wanted.get("port_id"):
        port = call.region.ports.get(wanted["port_id"])
        if port is None:
            raise ApiError(404, f"Port id {wanted['port_id']} could not be found.")
        if port["device_id"]:
            raise bad(f"Port {port['id']} is still in use.")
    else:
        network = call.region.networks.get(str(wanted.get("net_id")))
        if network is None:
            raise bad(f"Network {wanted.get('net_id')} could not be found.")
        port = make_port(call.region, network, call.project)
        server["_ports"] = [*server.get("_ports", ()), port["id"]]
    life.plug(port, server)
    life.refresh_addresses(call.region, server["id"])
    return Reply({"interfaceAttachment": _interface(call, port)})


@SERVICE.route("DELETE", "/servers/{id}/os-interface/{port}")
def remove_interface(call: Call) -> Reply:
    server = find(call, "os-attach-interfaces:delete")
    port = call.region.ports.get(call.args["port"])
    if port is None or port["device_id"] != server["id"]:
        raise ApiError(404, f"Port id {call.args['port']} could not be found.")
    remove_port(call.region, port)
    life.refresh_addresses(call.region, server["id"])
    return Reply(status=202)


def _attachment(call: Call, server: Item, attached: Row) -> Row:
    volume = call.region.volumes.get(attached["id"])
    found = [
        one
        for one in (volume["attachments"] if volume is not None else ())
        if one["server_id"] == server["id"]
    ]
    shown: Row = {
        "volumeId": attached["id"],
        "serverId": server["id"],
        "device": found[0]["device"] if found else None,
    }
    if not call.at_least(2, 89):
        shown["id"] = attached["id"]
    if call.at_least(2, 70):
        shown["tag"] = None
    if call.at_least(2, 79):
        shown["delete_on_termination"] = attached["delete_on_termination"]
    if call.at_least(2, 89):
        shown["attachment_id"] = shown["bdm_uuid"] = found[0]["attachment_id"] if found else None
    return shown


@SERVICE.route("GET", "/servers/{id}/os-volume_attachments")
def list_attachments(call: Call) -> Reply:
    server = find(call)
    shown = [_attachment(call, server, one) for one in server["volumes"]]
    return Reply({"volumeAttachments": shown})


@SERVICE.route("GET", "/servers/{id}/os-volume_attachments/{volume}")
def show_attachment(call: Call) -> Reply:
    server = find(call)
    for one in server["volumes"]:
        if one["id"] == call.args["volume"]:
            return Reply({"volumeAttachment": _attachment(call, server, one)})
    raise ApiError(404, f"Instance {server['id']} is not attached to volume {call.args['volume']}")


@SERVICE.route("POST", "/servers/{id}/os-volume_attachments")
def attach_volume(call: Call) -> Reply:
    server = find(call, "os-volumes-attachments:create")
    _must_be(server, "attach_volume", "ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED")
    wanted = (call.body or {}).get("volumeAttachment") or {}
    volume = call.region.volumes.get(str(wanted.get("volumeId")))
    if volume is None or volume["project_id"] != call.project:
        raise ApiError(404, f"Volume {wanted.get('volumeId')} could not be found.")
    if volume["attachments"]:
        users = ", ".join(one["server_id"] for one in volume["attachments"])
        raise bad(
            f"Invalid volume: volume {volume['id']} is already attached to instances: {users}"
        )
    if volume["status"] != "available":
        raise bad(
            f"Invalid volume: Volume {volume['id']} status must be available or downloading to "
            f"reserve, but the current status is {volume['status']}."
        )
    end = bool(wanted.get("delete_on_termination"))
    device = wanted.get("device") or f"/dev/vd{chr(ord('b') + len(server['volumes']))}"
    volumes.attach(volume, server["id"], device)
    server.change(volumes=[*server["volumes"], {"id": volume["id"], "delete_on_termination": end}])
    return Reply({"volumeAttachment": _attachment(call, server, server["volumes"][-1])})


@SERVICE.route("DELETE", "/servers/{id}/os-volume_attachments/{volume}")
def detach_volume(call: Call) -> Reply:
    server, key = find(call, "os-volumes-attachments:delete"), call.args["volume"]
    volume = call.region.volumes.get(key)
    if volume is None or key not in [one["id"] for one in server["volumes"]]:
        raise ApiError(404, f"Instance {server['id']} is not attached to volume {key}")
    volumes.detach(volume, server["id"])
    server.change(volumes=[one for one in server["volumes"] if one["id"] != key])
    return Reply(status=202)
