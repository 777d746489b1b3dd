"""Every converter beside openstacksdk, for every golden item and every field of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from oaktree.row import Item

from .compare import Expectation, Expected, ours, paths, reference, set_paths, time
from .golden import FLAVORS, NOUNS, Golden, converted, goldens, reader
from .sdk_answers import sdk_answer

# Made from the place and from all of an item; tested on their own.
ELSEWHERE = {"location", "state", "properties"}
ELSEWHERE |= {"public_v4", "public_v6", "private_v4", "interface_ip"}
POWER = {0: "nostate", 1: "running", 3: "paused", 4: "shutdown", 6: "crashed", 7: "suspended"}


def _flavor_of(item: Any) -> dict[str, str]:
    told = item["flavor"]
    name, identifier = told.get("original_name", ""), str(told.get("id", ""))
    return {
        "id": identifier or FLAVORS.ids.get(name, ""),
        "name": name or FLAVORS.names.get(identifier, ""),
    }


def _server_addresses(sdk: Any, item: Any) -> Any:
    return sorted(
        (
            {
                "network": network,
                "address": told["addr"],
                "version": told["version"],
                "kind": told.get("OS-EXT-IPS:type") or "",
                "mac_address": told.get("OS-EXT-IPS-MAC:mac_addr") or "",
            }
            for network, listed in (sdk.addresses or {}).items()
            for told in listed
        ),
        key=repr,
    )


def _told(told: Callable[[Item], Any], sdk: Any, item: Item) -> Any:
    return told(item)


# Field: (what it should be, why that is not openstacksdk's attribute of that name).
DIFFERENT: dict[str, tuple[Expected, str]] = {
    "Server.flavor.id": (
        lambda sdk, item: _flavor_of(item)["id"],
        "openstacksdk gives the name where Nova tells no id",
    ),
    "Server.flavor.name": (
        lambda sdk, item: _flavor_of(item)["name"],
        "looked up where Nova tells only the id",
    ),
    "Server.image": (
        lambda sdk, item: reference(item.get("image")),
        "openstacksdk drops a bare id",
    ),
    "Server.addresses": (_server_addresses, "a list of messages, not a dictionary of lists"),
    "Server.power_state": (
        lambda sdk, item: POWER.get(sdk.power_state, str(sdk.power_state or "")),
        "Nova's number in its word",
    ),
    "Server.has_config_drive": (
        lambda sdk, item: None if sdk.config_drive is None else bool(sdk.config_drive),
        "openstacksdk leaves Nova's '' and 'True' as they are",
    ),
    "Server.security_groups": (
        lambda sdk, item: sorted(
            {("", group["name"]) for group in sdk.security_groups or () if group.get("name")}
        ),
        "Nova gives one entry a port, so that a group comes often",
    ),
    "Server.scheduler_hints_json": (
        lambda sdk, item: item.get("scheduler_hints") or "",
        "openstacksdk looks for the key of the request, which no answer has",
    ),
    "Server.fault.created_at": (
        lambda fault, item: time(fault["created"]),
        "openstacksdk has no class for it, and Nova no suffix",
    ),
    "Port.trunk_details_json": (
        lambda sdk, item: sdk.trunk_details or "",
        "free-form, so JSON",
    ),
    "Keypair.id": (lambda sdk, item: sdk.name, "its id is its name"),
    "StorageContainer.id": (lambda sdk, item: sdk.name, "its id is its name"),
    "Image.store": (lambda sdk, item: item.get("stores") or "", "Glance calls it stores"),
    "Volume.image": (
        lambda sdk, item: reference(
            {
                part: (sdk.volume_image_metadata or {}).get(f"image_{part}")
                for part in ("id", "name")
            }
        ),
        "Cinder tells it only among what was noted on the volume",
    ),
    "Network.is_vlan_qinq": (
        lambda sdk, item: item.get("qinq"),
        "openstacksdk looks for vlan_qinq, Neutron says qinq",
    ),
}
# What openstacksdk knows as headers only, and Swift's lists do not tell.
_HEADERS: dict[str, Any] = {
    "object_count": lambda item: int(item["count"]),
    "size_bytes": lambda item: int(item["bytes"]),
    "created_at": lambda item: time(item.get("created_at")),
    "updated_at": lambda item: time(item.get("last_modified")),
    "metadata": lambda item: item.get("metadata") or {},
    "is_public": lambda item: ".r:*" in item["read_acl"] if "read_acl" in item else None,
    "read_acl": lambda item: item.get("read_acl") or "",
    "write_acl": lambda item: item.get("write_acl") or "",
    "storage_policy": lambda item: item.get("storage_policy") or "",
    "quota_bytes": lambda item: int(item["quota_bytes"]) if item.get("quota_bytes") else None,
    "quota_count": lambda item: int(item["quota_count"]) if item.get("quota_count") else None,
}
DIFFERENT |= {
    f"StorageContainer.{field}": (partial(_told, told), "a header, to openstacksdk")
    for field, told in _HEADERS.items()
}
# In objects that openstacksdk has no class for: the key, where it is not the field's name.
INNER_KEYS = {
    "FloatingIp.port_details.is_admin_state_up": "admin_state_up",
    "FloatingIp.port_details.network": "network_id",
    "Port.extra_dhcp_opts.name": "opt_name",
    "Port.extra_dhcp_opts.value": "opt_value",
    "Port.fixed_ips.subnet": "subnet_id",
    # Its "id" is the volume's once more.
    "Volume.attachments.id": "attachment_id",
    "Volume.attachments.server": "server_id",
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("golden", goldens(), ids=str)
def test_says_what_openstacksdk_says(golden: Golden) -> None:
    item = golden.item
    if isinstance(item.get("flavor"), str):
        # openstacksdk drops a flavor that is only an id.
        item["flavor"] = {"id": item["flavor"]}
    answer = sdk_answer(reader(golden.noun).row, item)
    different = {path: expected for path, (expected, _) in DIFFERENT.items()}
    expectation = Expectation(different, INNER_KEYS, answer, item)
    message = converted(golden.noun, golden.item)
    for field in reader(golden.noun).descriptor.fields:
        if field.name not in ELSEWHERE:
            path = f"{golden.noun}.{field.name}"
            assert ours(field, message) == expectation.field(field, path, answer), path


# Fields that no golden item sets, and why none can.
NEVER_SET: dict[str, str] = {}


@pytest.mark.parametrize("noun", NOUNS.values())
def test_some_golden_item_sets_every_field(noun: str) -> None:
    seen = {
        path
        for golden in goldens()
        if golden.noun == noun
        for path in set_paths(converted(noun, golden.item), noun)
    }
    every = set(paths(reader(noun).descriptor, noun))
    assert sorted(every - seen - NEVER_SET.keys()) == []


def test_the_tables_of_this_test_name_fields_that_are_there() -> None:
    every = {p for noun in NOUNS.values() for p in paths(reader(noun).descriptor, noun)}
    assert not (DIFFERENT.keys() | NEVER_SET.keys() | INNER_KEYS.keys()) - every
