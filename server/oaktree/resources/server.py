"""Servers: how they are read. How they are made and deleted is in `oaktree.boot`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from oaktreemodel.v1.common_pb2 import State
from oaktreemodel.v1.server_pb2 import GetServerConsoleOutputResponse
from openstack import exceptions
from openstack.compute.v2 import server

from oaktree import addresses, boot, marks, networks, promise, sweep
from oaktree.call import Call
from oaktree.convert import as_bool, text
from oaktree.find import find
from oaktree.mapping import At, Nowhere, Whole
from oaktree.place import Place
from oaktree.reader import Reader
from oaktree.row import Item, Row, words
from oaktree.verbs import act
from oaktree.writes import change_metadata, check, require, set_tags

_STATES = words(
    pending="build",
    ready="active verify_resize rescue",
    changing="rebuild reboot hard_reboot resize revert_resize migrating password",
    stopped="shutoff paused suspended shelved shelved_offloaded",
    failed="error",
    deleted="deleted soft_deleted",
)
# Nova's numbers, in Nova's words.
_POWER = {0: "nostate", 1: "running", 3: "paused", 4: "shutdown", 6: "crashed", 7: "suspended"}
KEPT_SECONDS = 300.0
# For one that shows something new.
NEW_SECONDS = 5.0


def state(item: Item) -> State.ValueType:
    # Nova says ACTIVE while it deletes.
    if item.get("OS-EXT-STS:task_state") == "deleting":
        return State.STATE_DELETING
    return _STATES[str(item.get("status")).lower()]


@dataclass
class _Flavors:
    """Names and ids of flavors: a server shows now the one, now the other."""

    ids: dict[str, str]
    names: dict[str, str]


def _read_flavors(place: Place) -> _Flavors:
    found: Any = place.service("compute").flavors(details=False)  # type: ignore[attr-defined]
    names = {flavor.id: flavor.name for flavor in found}
    return _Flavors({name: identifier for identifier, name in names.items()}, names)


class _Context:
    """What a server's JSON does not say, though its user wants to know it. Read now and then, and
    at once when a server shows a flavor or a network that was not there the last time."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._known: tuple[_Flavors, networks.Networks] | None = None

    @property
    def _began(self) -> tuple[_Flavors, networks.Networks]:
        # Where there are no servers, nothing need be known. Not a cached_property: before Python
        # 3.12 that has one lock for all places, and a cloud that hangs would hold up every other.
        if self._known is None:
            flavors = self._read_flavors(KEPT_SECONDS)
            self._known = flavors, self._read_networks(networks.KEPT_SECONDS)
        return self._known

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Context) and self._began == other._began

    __hash__ = None  # type: ignore[assignment]

    def flavors_for(self, shown: str) -> _Flavors:
        known = self._began[0]
        if shown in known.ids or shown in known.names:
            return known
        return self._read_flavors(NEW_SECONDS)

    def networks_for(self, shown: Iterable[str]) -> networks.Networks:
        known = self._began[1]
        return known if known.names.issuperset(shown) else self._read_networks(NEW_SECONDS)

    def _read_flavors(self, seconds: float) -> _Flavors:
        return self._place.kept("flavors", seconds, lambda: _read_flavors(self._place))

    def _read_networks(self, seconds: float) -> networks.Networks:
        try:
            return networks.read(self._place, seconds=seconds)
        except exceptions.SDKException:
            # Servers can be shown without knowing which of their networks lead outside.
            return networks.Networks(networks.Settings.of(self._place), self._place.project.id)


def _finish(message: Message, item: Item, context: _Context) -> None:
    made: Any = message
    flavor = made.flavor
    if flavor.id and not flavor.name:
        flavor.name = context.flavors_for(flavor.id).names.get(flavor.id, "")
    elif flavor.name and not flavor.id:
        flavor.id = context.flavors_for(flavor.name).ids.get(flavor.name, "")
    chosen = addresses.choose(item, context.networks_for(addresses.by_network(item)))
    made.public_v4 = chosen.public_v4
    made.public_v6 = chosen.public_v6
    made.private_v4 = chosen.private_v4
    made.interface_ip = chosen.interface_ip


def _addresses(message: Any, item: Item) -> None:
    target = message.addresses
    for network, shown in sorted(addresses.by_network(item).items()):
        for one in sorted(shown, key=lambda address: str(address.get("addr"))):
            target.add(
                network=network,
                address=text(one.get("addr") or ""),
                version=addresses.version(one),
                kind=text(one.get("OS-EXT-IPS:type") or ""),
                mac_address=text(one.get("OS-EXT-IPS-MAC:mac_addr") or ""),
            )


def _power_state(message: Any, value: Any) -> None:
    message.power_state = _POWER.get(value, text(value))


def _config_drive(message: Any, value: Any) -> None:
    message.has_config_drive = as_bool(value)


def _server_groups(message: Any, value: Any) -> None:
    for identifier in sorted(value):
        message.server_groups.add(id=identifier)


def _security_groups(message: Any, value: Any) -> None:
    # One entry a port, so a group may come often.
    for name in sorted({group["name"] for group in value if group.get("name")}):
        message.security_groups.add(name=name)


def _update(place: Place, identifier: str, request: Any) -> None:
    path = f"/servers/{identifier}"
    if request.HasField("tags"):
        require(place, "compute", "2.26", "tags of servers")
    if request.HasField("description"):
        require(place, "compute", "2.19", "descriptions of servers")
    if request.HasField("hostname"):
        require(place, "compute", "2.90", "changing a server's host name")
    given = {
        key: getattr(request, key)
        for key in ("name", "description", "access_ipv4", "access_ipv6", "hostname")
        if request.HasField(key)
    }
    if given:
        place.service("compute").update_server(identifier, **given)  # type: ignore[attr-defined]
    if request.HasField("metadata"):
        change_metadata(place, "compute", path, request.metadata)
    if request.HasField("tags"):
        set_tags(place, "compute", path, request.tags.values, "2.26")


async def console_output(call: Call, reader: Reader) -> bytes:
    request, place = call.request, await call.place()

    def read() -> bytes:
        found = find(place, reader, request.name_or_id)
        action: Item = {"length": request.line_count} if request.HasField("line_count") else {}
        adapter = place.service("compute")
        answer = check(
            adapter.post(f"/servers/{found.id}/action", json={"os-getConsoleOutput": action})
        )
        output = answer.json().get("output") or ""
        return GetServerConsoleOutputResponse(output=output).SerializeToString()

    return await place.run(call.reach, read)


async def start(call: Call, reader: Reader) -> bytes:
    return await act(
        call, reader, lambda place, server_id, _: _compute(place).start_server(server_id)
    )


async def stop(call: Call, reader: Reader) -> bytes:
    return await act(
        call, reader, lambda place, server_id, _: _compute(place).stop_server(server_id)
    )


async def reboot(call: Call, reader: Reader) -> bytes:
    return await act(
        call,
        reader,
        lambda place, server_id, request: _compute(place).reboot_server(
            server_id, "HARD" if request.hard else "SOFT"
        ),
    )


def _compute(place: Place) -> Any:
    return place.service("compute")


ROW = Row(
    noun="Server",
    service="compute",
    sdk=server.Server,
    path="/servers/detail",
    key="servers",
    item_path="/servers/{id}",
    item_key="server",
    microversion="2.100",
    all_projects={"all_tenants": "1"},
    by_name=boot.by_name,
    zone_key="OS-EXT-AZ:availability_zone",
    project_keys=("tenant_id",),
    state=state,
    odd={
        "flavor.name": At("original_name"),
        "public_v4": Nowhere,
        "public_v6": Nowhere,
        "private_v4": Nowhere,
        "interface_ip": Nowhere,
        "addresses": Whole(_addresses, ("addresses",)),
        "security_groups": At("security_groups", _security_groups),
        "server_groups": At("server_groups", _server_groups),
        "power_state": At("OS-EXT-STS:power_state", _power_state),
        "has_config_drive": At("config_drive", _config_drive),
        "fault.created_at": At("created"),
        "scheduler_hints_json": At("scheduler_hints"),
    },
    # Of a server in a cell that is down Nova, from 2.69 on, shows that it is there.
    stub_status="UNKNOWN",
    changed_since=lambda place, time: {"changes-since": time},
    prepare=_Context,
    finish=_finish,
    check=boot.check,
    create=boot.post,
    needed=("name", "flavor"),
    mark=marks.IN_METADATA,
    update=_update,
    delete=boot.delete,
    fault=lambda place, message: [message.fault.message],  # type: ignore[attr-defined]
    settle=promise.settle,
    unsettled=promise.stands,
    sweep=sweep.now,
    see_to=promise.see_to,
    clear_up=sweep.when_gone,
    specials={
        "GetServerConsoleOutput": console_output,
        "StartServer": start,
        "StopServer": stop,
        "RebootServer": reboot,
    },
)
