"""Flavors: compute's sizes of servers."""

from __future__ import annotations

from openstack.compute.v2 import flavor

from oaktree.mapping import At
from oaktree.row import Row

ROW = Row(
    noun="Flavor",
    service="compute",
    sdk=flavor.Flavor,
    path="/flavors/detail",
    key="flavors",
    item_path="/flavors/{id}",
    item_key="flavor",
    # Public ones and the project's own; without it, administrators get the public ones only.
    query={"is_public": "None"},
    uuid_ids=False,
    odd={"name": At("name")},
)
