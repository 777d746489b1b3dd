"""Networks."""

from __future__ import annotations

from openstack.network.v2 import network

from oaktree import marks
from oaktree.mapping import At
from oaktree.row import Row, by_exact_name, words
from oaktree.writes import creator, deleter, tagger, updater

_STATES = words(pending="build", ready="active", stopped="down", failed="error")


_HOW = ("network", "network", network.Network, "/networks")

ROW = Row(
    noun="Network",
    service="network",
    sdk=network.Network,
    path="/networks",
    key="networks",
    item_path="/networks/{id}",
    item_key="network",
    shared=lambda item: bool(item.get("shared") or item.get("router:external")),
    by_name=by_exact_name,
    project_keys=("project_id", "tenant_id"),
    state=lambda item: _STATES[str(item.get("status")).lower()],
    odd={
        "description": marks.DESCRIPTION,
        "subnets": At("subnets"),
        # openstacksdk calls it vlan_qinq, which no answer has.
        "is_vlan_qinq": At("qinq"),
        "ipv4_address_scope": At("ipv4_address_scope"),
        "ipv6_address_scope": At("ipv6_address_scope"),
    },
    create=creator(*_HOW),
    mark=marks.IN_DESCRIPTION,
    complete=tagger("network", "/networks"),
    update=updater(*_HOW),
    delete=deleter("network", "network"),
)
