"""What every conversion promises, whatever a cloud sends: equal is equal, marks never show, and
nothing odd in one item takes the others with it."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from oaktree.mapping import At
from oaktree.row import Item

from .golden import NOUNS, PROJECT, Golden, Unconnected, converted, found, golden, goldens, reader

ODD: list[Any] = [
    None,
    "",
    "odd",
    "9" * 30,
    0,
    -1,
    3,
    2**63,
    2**31,
    1.5,
    True,
    [],
    ["x"],
    [None],
    [7],
    {},
]
ODD += [{"a": 1}, {"id": None}, [{"id": 3}], [[]]]


def _shuffled(value: Any, order: random.Random) -> Any:
    """The same with its objects' keys and its lists in another order."""
    if isinstance(value, dict):
        keys = order.sample(list(value), len(value))
        return {key: _shuffled(value[key], order) for key in keys}
    if isinstance(value, list):
        return [_shuffled(one, order) for one in order.sample(value, len(value))]
    return value


# Lists that are passed on as they are, inside JSON.
IN_ORDER = {"scheduler_hints", "trunk_details", "segments", "locations", "port_forwardings"}


@pytest.mark.parametrize("golden", goldens(), ids=str)
def test_what_comes_in_another_order_is_equal(golden: Golden) -> None:
    item = golden.item
    wire = found(golden.noun, item).wire
    for seed in range(5):
        order = random.Random(seed)
        shuffled = {key: item[key] for key in order.sample(list(item), len(item))}
        # Where nothing else is told of addresses, the first is the fixed one.
        in_order = IN_ORDER | ({"addresses"} if golden.name == "kilo" else set())
        for key in shuffled.keys() - in_order:
            shuffled[key] = _shuffled(shuffled[key], order)
        assert found(golden.noun, shuffled).wire == wire


@pytest.mark.parametrize("golden", goldens(), ids=str)
def test_every_null_is_as_if_it_were_missing(golden: Golden) -> None:
    item = golden.item
    without = {key: value for key, value in item.items() if value is not None}
    with_nulls = dict.fromkeys(reader(golden.noun).table.keys) | without
    assert converted(golden.noun, without) == converted(golden.noun, item)
    assert converted(golden.noun, with_nulls) == converted(golden.noun, item)


@pytest.mark.parametrize("noun", NOUNS.values())
def test_an_item_that_is_little_more_than_an_id_will_do(noun: str) -> None:
    key = "name" if reader(noun).row.odd.get("id") == At("name") else "id"
    message: Any = converted(noun, {key: "i"})
    assert message.id == "i"
    assert {field.name for field, _ in message.ListFields()} <= {"id", "name", "location", "state"}


def _with(item: Item, path: list[Any], value: Any) -> Item:
    changed = copy.deepcopy(item)
    here: Any = changed
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = value
    return changed


def _paths(value: Any, path: list[Any]) -> list[list[Any]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path] * bool(path) + [p for key, one in inner for p in _paths(one, [*path, key])]


@pytest.mark.parametrize("noun", NOUNS.values())
def test_no_odd_value_anywhere_breaks_a_list(noun: str) -> None:
    richest = max((g for g in goldens() if g.noun == noun), key=lambda g: len(g.text)).item
    zone_key = reader(noun).row.zone_key
    for path in [p for p in _paths(richest, []) if p != [zone_key]]:
        for odd in ODD:
            item = _with(richest, path, odd)
            good, *_ = reader(noun).encode(Unconnected(), [item, richest])
            assert isinstance(good.message, Message), path


@pytest.mark.parametrize("noun", ["Server", "Volume"])
@pytest.mark.parametrize("odd", [7, ["x"], {"a": 1}])
def test_an_odd_zone_breaks_no_list(noun: str, odd: Any) -> None:
    converted(noun, {"id": "i", reader(noun).row.zone_key: odd})


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(NOUNS.values())), st.data())
def test_any_json_at_any_key_becomes_a_message(noun: str, data: st.DataObject) -> None:
    keys = sorted(key for key in reader(noun).table.keys if key)
    item = data.draw(st.dictionaries(st.sampled_from(keys), json_values))
    found(noun, item)


MARKS = ("oaktree_mark", "oaktree_request", "oaktree_auto_ip", "oaktree_made")


@pytest.mark.parametrize(
    "golden", [g for g in goldens() if any(mark in g.text for mark in MARKS)], ids=str
)
def test_the_marks_of_oaktree_never_show(golden: Golden) -> None:
    shown = str(converted(golden.noun, golden.item))
    assert not [mark for mark in MARKS if mark in shown]


PROPERTIES = [
    ("Server", "rich_admin", {"OS-EXT-SRV-ATTR:host", "host_status"}, {"flavor", "links"}),
    ("Server", "wrong_types", {"x-vendor:billing", "x-vendor:count"}, {"metadata"}),
    ("Image", "rich", {"com.example.build", "naïve ключ", "os_type"}, {"size", "self", "stores"}),
    ("Network", "every_extension", {"segments", "x-vendor"}, {"qinq", "tenant_id"}),
    ("Port", "bound_admin", {"binding:host_id", "binding:vif_type"}, {"binding:vnic_type"}),
    ("Volume", "attached_admin", {"os-vol-host-attr:host", "service_uuid"}, {"size", "group_id"}),
    ("FloatingIp", "with_names", {"port_forwardings"}, {"tenant_id", "project_id"}),
]


@pytest.mark.parametrize(("noun", "name", "shown", "hidden"), PROPERTIES)
def test_properties_are_what_no_field_says(
    noun: str, name: str, shown: set[str], hidden: set[str]
) -> None:
    item = golden(noun, name).item
    message: Any = converted(noun, item)
    assert shown <= message.properties.keys()
    assert not hidden & message.properties.keys()
    for key in shown:
        value = item[key]
        text = message.properties[key]
        assert text == value or json.loads(text) == value


def test_an_image_s_known_properties_are_fields_too() -> None:
    message: Any = converted("Image", golden("Image", "rich").item)
    assert message.os_distro == message.properties["os_distro"] == "cirros"


LOCATIONS = [
    ("Server", "rich_newest", "nova", "demo"),
    ("Server", "kilo", "nova", ""),
    ("Volume", "attached", "nova", "demo"),
    ("Network", "external_member", "", ""),
    ("Network", "kilo", "", ""),
    ("Image", "kilo", "", ""),
    ("Port", "bound_member", "", "demo"),
    ("FloatingIp", "kilo", "", ""),
]


@pytest.mark.parametrize(("noun", "name", "zone", "project"), LOCATIONS)
def test_a_location_is_where_it_is_and_whose(noun: str, name: str, zone: str, project: str) -> None:
    item = golden(noun, name).item
    location = converted(noun, item).location  # type: ignore[attr-defined]
    assert (location.cloud, location.region, location.zone) == ("cloud", "region", zone)
    owners = ("project_id", "tenant_id", "owner", "os-vol-tenant-attr:tenant_id")
    assert location.project.id == next(item[key] for key in owners if item.get(key))
    assert location.project.name == project
    assert (location.project.id == PROJECT) == bool(project)


@pytest.mark.parametrize("noun", ["Flavor", "Keypair"])
def test_what_belongs_to_no_project_says_none(noun: str) -> None:
    for one in goldens():
        if one.noun == noun:
            assert not converted(noun, one.item).location.HasField("project")  # type: ignore[attr-defined]


def test_numbers_beyond_two_to_the_53_stay_whole() -> None:
    server: Any = converted("Server", golden("Server", "wrong_types").item)
    network: Any = converted("Network", golden("Network", "every_extension").item)
    flavor: Any = converted("Flavor", golden("Flavor", "huge").item)
    assert server.properties["x-vendor:count"] == "9007199254740993"
    assert network.revision == flavor.disk_gib == 9007199254740993
    assert flavor.ram_mib == 9223372036854775807
