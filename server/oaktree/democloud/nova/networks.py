"""Which networks and ports a new server gets."""

from typing import Any

from ..core import ApiError, Call
from ..items import Row
from ..neutron.topology import allocate
from .service import bad, invalid


def choose(call: Call, wanted: Row) -> list[Row]:
    """The `networks` of a POST as a list. Raises ApiError 400 or 409 where they cannot be."""
    asked = wanted.get("networks")
    if asked in ("auto", "none"):
        if not call.at_least(2, 37):
            raise invalid("networks", asked, f"'{asked}' is not of type 'array'")
        return [] if asked == "none" else _any(call, auto=True)
    if not asked:
        return _any(call, auto=False)
    for one in asked:
        if one.get("port"):
            port = call.region.ports.get(one["port"])
            if port is None or port["project_id"] != call.project:
                raise bad(f"Port id {one['port']} could not be found.")
            if port["device_id"]:
                raise ApiError(409, f"Port {port['id']} is still in use.")
        elif not _may_use(call, one.get("uuid")):
            raise bad(f"Network {one.get('uuid')} could not be found.")
    _check_ports(call, sum(1 for one in asked if not one.get("port")))
    return list(asked)


def _may_use(call: Call, key: Any) -> bool:
    network = call.region.networks.get(str(key))
    return network is not None and bool(
        call.is_admin
        or network["shared"]
        or network["router:external"]
        or network["project_id"] == call.project
    )


def _any(call: Call, *, auto: bool) -> list[Row]:
    """Nova's own choice: the project's networks, else those shared with it."""
    networks = [
        one
        for one in call.region.networks
        if one["project_id"] == call.project and not one["router:external"]
    ]
    networks = networks or [one for one in call.region.networks if one["shared"]]
    if len(networks) > 1:
        raise ApiError(
            409, "Multiple possible networks found, use a Network ID to be more specific."
        )
    if not networks and auto:
        try:
            networks = [allocate(call)]
        except ApiError:
            text = f"Unable to automatically allocate a network for project {call.project}"
            raise bad(text) from None
    return [{"uuid": one["id"]} for one in networks]


def _check_ports(call: Call, more: int) -> None:
    bound = call.cloud.settings.quota["port"]
    if more and 0 <= bound < len(call.region.ports.where(project_id=call.project)) + more:
        raise ApiError(403, "Maximum number of ports exceeded")
