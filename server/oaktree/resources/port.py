"""Ports: where things are connected to networks."""

from __future__ import annotations

from typing import Any

from oaktreemodel.v1.common_pb2 import State
from openstack.network.v2 import port

from oaktree import marks
from oaktree.mapping import At
from oaktree.row import Item, Row, by_exact_name, words
from oaktree.writes import creator, deleter, each, named, security_group, tagger, updater

_STATES = words(pending="build", ready="active", failed="error")
_NAMING: Any = {
    "resolve": {"network": named("Network"), "security_groups": each(security_group)},
    "rename": {
        "network": "network_id",
        "security_groups": "security_group_ids",
        "fixed_ips.subnet": "subnet_id",
        "extra_dhcp_opts.name": "opt_name",
        "extra_dhcp_opts.value": "opt_value",
    },
}


def _state(item: Item) -> State.ValueType:
    status = str(item.get("status")).upper()
    if status == "DOWN":
        # With nothing connected there is nothing to be up for.
        return State.STATE_STOPPED if item.get("device_id") else State.STATE_READY
    return _STATES[status.lower()]


ROW = Row(
    noun="Port",
    service="network",
    sdk=port.Port,
    path="/ports",
    key="ports",
    item_path="/ports/{id}",
    item_key="port",
    own_project="tenant_id",
    by_name=by_exact_name,
    project_keys=("project_id", "tenant_id"),
    state=_state,
    odd={
        "description": marks.DESCRIPTION,
        "network": At("network_id"),
        "is_trusted": At("trusted"),
        "security_groups": At("security_groups"),
        "extra_dhcp_opts.name": At("opt_name"),
        "extra_dhcp_opts.value": At("opt_value"),
        "trunk_details_json": At("trunk_details"),
    },
    create=creator("network", "port", port.Port, "/ports", **_NAMING),
    needed=("network",),
    mark=marks.IN_DESCRIPTION,
    complete=tagger("network", "/ports"),
    update=updater("network", "port", port.Port, "/ports", **_NAMING),
    delete=deleter("network", "port"),
)
