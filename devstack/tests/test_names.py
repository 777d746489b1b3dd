"""Names and ids: either will do wherever a thing is named, and what does not fit is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import oaktreemodel
import pytest

from .conftest import SERVER
from .itself import Itself

# What is not there: the collection, the field, what else a Create needs, and the noun.
ABSENT = [
    ("servers", "image", {"flavor": "m1.tiny"}, "image"),
    ("servers", "flavor", {"image": "cirros"}, "flavor"),
    ("servers", "boot_volume", {"flavor": "m1.tiny"}, "volume"),
    ("servers", "volumes", SERVER, "volume"),
    ("servers", "nics", SERVER, "network"),
    ("servers", "floating_network", SERVER, "network"),
    ("ports", "network", {}, "network"),
    ("volumes", "image", {"size_gib": 1}, "image"),
    ("volumes", "source_volume", {"size_gib": 1}, "volume"),
    ("floating_ips", "port", {}, "port"),
    ("floating_ips", "server", {}, "server"),
    ("floating_ips", "floating_network", {}, "network"),
]
GETS = ("servers", "flavors", "images", "networks", "ports", "volumes", "keypairs", "floating_ips")
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(("collection", "field", "rest", "noun"), ABSENT)
def test_what_is_not_there_is_named_and_nothing_made(
    other: Any, name: str, collection: str, field: str, rest: dict[str, Any], noun: str
) -> None:
    missing: Any = f"{name}-missing"
    naming = {"description" if collection == "floating_ips" else "name": name}
    value = {"nics": [{"network": missing}], "volumes": [missing]}.get(field, missing)
    with pytest.raises(oaktreemodel.NotFound) as caught:
        getattr(other, collection).create(**naming, **rest, **{field: value})
    assert f"{noun} '{missing}'" in str(caught.value)
    assert caught.value.reason == "NOT_FOUND"
    assert caught.value.cloud == "devstack-other"


@pytest.mark.parametrize("collection", GETS)
@pytest.mark.parametrize("missing", ["no such thing", NOBODY])
def test_gets_of_what_is_not_there(other: Any, collection: str, missing: str) -> None:
    with pytest.raises(oaktreemodel.NotFound) as caught:
        getattr(other, collection).get(missing)
    assert missing in str(caught.value)


def test_ids_and_odd_names(other: Any, name: str) -> None:
    odd = f"{name} ä/%?&#.*"
    network = other.networks.create(name=odd)
    assert other.networks.get(odd) == other.networks.get(network.id)
    assert [n.id for n in other.networks.list(where={"name": odd})] == [network.id]
    other.networks.delete(odd)
    volume = other.volumes.create(name=odd, size_gib=1)
    assert other.volumes.wait(odd, timeout=60).id == volume.id
    other.volumes.delete(odd)
    other.volumes.wait(volume.id, until="deleted", timeout=60)


def test_a_name_of_several_is_told_their_ids(other: Any, name: str) -> None:
    makes: dict[str, dict[str, Any]] = {
        "networks": {},
        "volumes": {"size_gib": 1},
        "images": {"disk_format": "raw", "container_format": "bare"},
    }
    for collection, given in makes.items():
        things = getattr(other, collection)
        twins = [things.create(name=name, **given) for _ in range(2)]
        for act in (things.get, things.delete):
            with pytest.raises(oaktreemodel.Ambiguous) as caught:
                act(name)
            assert caught.value.reason == "NAME_AMBIGUOUS"
            assert caught.value.fields.keys() == {"name_or_id"}
            assert all(twin.id in str(caught.value) for twin in twins)
    for arguments, field in [
        ({"nics": [{"network": name}], **SERVER}, "nics.network"),
        ({"image": name, "flavor": "m1.tiny"}, "image"),
        ({"boot_volume": name, "flavor": "m1.tiny"}, "boot_volume"),
    ]:
        with pytest.raises(oaktreemodel.Ambiguous) as caught:
            other.servers.create(name=name, **arguments)
        assert caught.value.fields.keys() == {field}
    for collection in makes:
        things = getattr(other, collection)
        for twin in list(things.list(where={"name": name})):
            if collection == "volumes":
                things.wait(twin.id, timeout=60)
            things.delete(twin.id)
            if collection == "volumes":
                things.wait(twin.id, until="deleted", timeout=60)


def test_a_name_that_is_an_id_of_something_else(
    other: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    """An id wins over a name."""
    real = other.networks.create(name=name)
    impostor = other.networks.create(name=real.id)
    try:
        assert other.networks.get(real.id).id == real.id
    finally:
        itself("other").network.delete_network(impostor.id)
    other.networks.delete(real.id)
