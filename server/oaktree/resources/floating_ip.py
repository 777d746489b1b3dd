"""Floating IPs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from oaktreemodel.v1.common_pb2 import State
from oaktreemodel.v1.error_pb2 import Failure, Reason
from oaktreemodel.v1.floating_ip_pb2 import DeleteUnattachedFloatingIpsResponse
from openstack import exceptions
from openstack.network.v2 import floating_ip

from oaktree import marks, networks
from oaktree.call import Call
from oaktree.errors import choice_needed, failed, invalid, listed, not_offered, service_absent
from oaktree.mapping import At
from oaktree.place import Place
from oaktree.reader import Reader
from oaktree.row import Item, Row
from oaktree.translate import translate
from oaktree.walk import items
from oaktree.writes import check, creator, deleter, named, tagger, updater


def _state(item: Item) -> State.ValueType:
    status = str(item.get("status") or "").upper()
    bound = bool(item.get("port_id"))
    if status == "DOWN":
        return State.STATE_PENDING if bound else State.STATE_READY
    # Kilo and its like do not tell.
    if status in ("ACTIVE", ""):
        return State.STATE_READY
    return State.STATE_FAILED if status == "ERROR" else State.STATE_UNSPECIFIED


def _default_network(place: Place, port_id: str) -> str:
    """The network that a floating IP comes from when nobody says."""
    known = networks.read(place, seconds=0)
    if not known.present:
        raise service_absent("network")
    inside = ""
    if port_id:
        adapter = place.service("network")
        inside = check(adapter.get(f"/ports/{port_id}")).json()["port"]["network_id"]
    found = known.floating(inside) or known.floating()
    if len(found) > 1:
        found = [n for n in found if n.get("is_default")] or found
    if len(found) > 1:
        raise choice_needed(
            "floating_network", f"name an external network: {networks.described(found)}"
        )
    if not found:
        raise not_offered("this cloud has no network that floating IPs come from")
    return str(found[0]["id"])


def port_of(place: Place, server_id: str, floating_network: str = "") -> str:
    """The port of a server that a floating IP can lead to: one with an IPv4 address, on a network
    that a router leads out of to the floating network."""
    known = networks.read(place)
    ports = [port for port in networks.ports_of(place, server_id) if networks.has_v4(port)]
    if not ports:
        raise failed(Reason.REASON_CONFLICT, f"server {server_id} has no port with an IPv4 address")
    routed = [
        p
        for p in ports
        if (outside := known.routed.get(p["network_id"]))
        and (not floating_network or floating_network in outside)
    ]
    if len(routed) > 1:
        names = listed(p["id"] for p in routed)
        raise choice_needed("port", f"the server has several ports; name one: {names}")
    return str((routed or ports)[0]["id"])


def _for_new(place: Place, request: Any, given: dict[str, Any]) -> None:
    if request.port and request.server:
        raise invalid("server", "excludes port: give one of them")
    if request.server:
        server = named("Server")(place, request.server, "server")
        given["port_id"] = port_of(place, server, given.get("floating_network_id", ""))
    if not request.floating_network:
        given["floating_network_id"] = _default_network(place, given.get("port_id", ""))


def _for_present(place: Place, request: Any, given: dict[str, Any]) -> None:
    if request.HasField("port") and request.HasField("server"):
        raise invalid("server", "excludes port: give one of them")
    if request.HasField("fixed_ip_address") and not (request.port or request.server):
        raise invalid("fixed_ip_address", "needs port or server")
    if request.HasField("server"):
        server = named("Server")(place, request.server, "server") if request.server else ""
        given["port_id"] = port_of(place, server) if server else None


async def delete_unattached(call: Call, reader: Reader) -> bytes:
    request = call.request
    if not request.HasField("unused_for"):
        raise invalid("unused_for", "is missing and is needed")
    place = await call.place()

    async def work() -> bytes:
        made = await place.run(None, _delete_unattached, place, reader, request)
        return made.SerializeToString()

    return await call.change(place, work)


def _delete_unattached(
    place: Place, reader: Reader, request: Any
) -> DeleteUnattachedFloatingIpsResponse:
    made = DeleteUnattachedFloatingIpsResponse()
    encode = reader.encoder(place)
    before = _now(place) - request.unused_for.ToTimedelta().total_seconds()
    for item in items(place, reader, reader.query(place, False, {})):
        if not reader.mine(place, item) or _used(item):
            continue
        if not item.get("updated_at"):
            raise not_offered("this cloud is too old to tell when a floating IP was last used")
        if _touched(item) > before:
            continue
        try:
            if request.dry_run or _delete_unchanged(place, item):
                made.floating_ips.append(encode(item).message)
        except Exception as error:
            refused = translate(error)
            refused.message = f"{item['floating_ip_address']}: {refused.message}"
            made.failures.append(Failure(location=place.location(), status=refused.status()))
    return made


def _used(item: Item) -> bool:
    return bool(item.get("port_id") or item.get("fixed_ip_address") or item.get("port_forwardings"))


def _now(place: Place) -> float:
    """The time by the cloud's clock, in seconds since the epoch: its answers are dated."""
    answer = check(place.service("network").get("/networks", params={"fields": "id"}))
    date = answer.headers.get("Date")
    return parsedate_to_datetime(date).timestamp() if date else time.time()


def _touched(item: Item) -> float:
    touched = datetime.fromisoformat(item["updated_at"])
    return (touched if touched.tzinfo else touched.replace(tzinfo=UTC)).timestamp()


def _delete_unchanged(place: Place, item: Item) -> bool:
    """Deletes it unless it changed since it was listed. False where it did, or is gone."""
    headers = {}
    if item.get("revision_number") is not None:
        headers["If-Match"] = f"revision_number={item['revision_number']}"
    response = place.service("network").delete(f"/floatingips/{item['id']}", headers=headers)
    if response.status_code in (404, 412):
        return False
    exceptions.raise_from_response(response)
    return True


_HOW: Any = ("network", "ip", floating_ip.FloatingIP, "/floatingips")
_NAMING: Any = {
    "skip": ("server",),
    "resolve": {"port": named("Port"), "floating_network": named("Network")},
    "rename": {"port": "port_id", "floating_network": "floating_network_id"},
}

ROW = Row(
    noun="FloatingIp",
    service="network",
    sdk=floating_ip.FloatingIP,
    path="/floatingips",
    key="floatingips",
    item_path="/floatingips/{id}",
    item_key="floatingip",
    own_project="tenant_id",
    name_key="floating_ip_address",
    by_name=lambda name: {"floating_ip_address": name},
    project_keys=("project_id", "tenant_id"),
    state=_state,
    odd={
        "description": marks.DESCRIPTION,
        "port": At("port_id"),
        "floating_network": At("floating_network_id"),
        "router": At("router_id"),
    },
    create=creator(*_HOW, adjust=_for_new, **_NAMING),
    mark=marks.IN_DESCRIPTION,
    complete=tagger("network", "/floatingips"),
    update=updater(*_HOW, adjust=_for_present, **_NAMING),
    delete=deleter("network", "ip"),
    specials={"DeleteUnattachedFloatingIps": delete_unattached},
)
