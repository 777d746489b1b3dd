"""Where calls go: two regions, two projects, several users, and places that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import oaktreemodel
import pytest
from oaktreemodel.v1 import Location, Project

from .conftest import PROJECTS, SERVER
from .itself import Itself

REGIONS = ("RegionOne", "RegionTwo")


def test_two_regions(
    client: oaktreemodel.Client, demo: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    """The regions are one cloud twice, so that what is made in one is seen in both."""
    both = client.cloud("devstack-regions")
    two = client.cloud("devstack-regions", region="RegionTwo")
    server = two.servers.create(name=name, auto_ip=False, **SERVER)
    assert server.location.region == "RegionTwo"
    server = two.servers.wait(server.id, timeout=120)
    listed = list(both.servers.list(where={"id": server.id}))
    assert sorted(one.location.region for one in listed) == sorted(REGIONS)
    assert {one.location.cloud for one in listed} == {"devstack-regions"}
    in_one = list(client.at(Location(region="RegionTwo")).servers.list(where={"id": server.id}))
    assert [(one.location.cloud, one.location.region) for one in in_one] == [
        ("devstack-regions", "RegionTwo")
    ]
    # A resource knows where it is, so that it can be acted upon.
    client.at(listed[0].location).servers.delete(server.id)
    two.servers.wait(server.id, until="deleted", timeout=120)
    assert server.id not in itself("demo").ids("server")


@pytest.mark.parametrize("collection", ["flavors", "images", "networks", "availability_zones"])
def test_both_regions_are_listed(client: oaktreemodel.Client, collection: str) -> None:
    listed = list(getattr(client.cloud("devstack-regions"), collection).list())
    names = {
        region: sorted(one.name for one in listed if one.location.region == region)
        for region in REGIONS
    }
    assert names["RegionOne"] == names["RegionTwo"] != []


def test_a_choice_is_needed_where_there_is_one(client: oaktreemodel.Client, name: str) -> None:
    for scope, reason, field, choices in [
        (client, "CHOICE_NEEDED", "location.cloud", ("devstack", "devstack-tight")),
        (client.cloud("devstack-regions"), "CHOICE_NEEDED", "location.region", REGIONS),
        (client.cloud("nowhere"), "CLOUD_UNKNOWN", "location.cloud", ("devstack-other",)),
        (
            client.cloud("devstack-regions", region="RegionSix"),
            "REGION_UNKNOWN",
            "location.region",
            REGIONS,
        ),
    ]:
        for call in (
            partial(scope.flavors.get, "m1.tiny"),
            partial(scope.servers.create, name=name, **SERVER),
        ):
            with pytest.raises(oaktreemodel.InvalidArgument) as caught:
                call()
            assert caught.value.reason == reason
            assert caught.value.fields.keys() == {field}
            assert all(choice in str(caught.value) for choice in choices)


def test_two_projects(
    client: oaktreemodel.Client, other: Any, tight: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    port = other.ports.create(network="private", name=name)
    location = port.location
    assert (location.project.name, location.project.id) == ("other", itself("other").project_id)
    for act in (tight.ports.get, tight.ports.delete):
        for which in (name, port.id):
            with pytest.raises(oaktreemodel.NotFound):
                act(which)
    assert not list(tight.ports.list(where={"name": name}))
    # The administrator sees it when asked to, and is told whose it is.
    admin = client.cloud("devstack-admin")
    assert not list(admin.ports.list(where={"name": name}))
    [seen] = admin.ports.list(where={"name": name}, all_projects=True)
    assert seen.location.project.id == location.project.id
    assert port.id in itself("other").ids("port")
    other.ports.delete(name)


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_project_that_the_call_names(
    client: oaktreemodel.Client, other: Any, name: str, itself: Callable[[str], Itself], by: str
) -> None:
    """The same user in another project, where the cloud lets him."""
    own = {"id": Project(id=itself("other").project_id), "name": Project(name="other")}[by]
    scope = client.cloud("devstack-other", project=own)
    port = scope.ports.create(network="private", name=name)
    assert port.location.project.id == itself("other").project_id
    assert other.ports.get(name).id == port.id
    other.ports.delete(name)
    stranger = {"id": Project(id=itself("tight").project_id), "name": Project(name="tight")}[by]
    with pytest.raises(oaktreemodel.PermissionDenied, match="no token for the project") as caught:
        client.cloud("devstack-other", project=stranger).ports.create(network="private", name=name)
    assert caught.value.cloud == "devstack-other"


def test_a_wrong_password(client: oaktreemodel.Client, name: str) -> None:
    cloud = client.cloud("devstack-badpassword")
    for call in (
        lambda: cloud.flavors.get("m1.tiny"),
        lambda: cloud.servers.create(name=name, **SERVER),
        lambda: list(cloud.servers.list()),
    ):
        with pytest.raises(oaktreemodel.OaktreeError) as caught:
            call()
        error = caught.value
        if isinstance(error, oaktreemodel.PartialFailure):
            [error] = error.failures
        assert isinstance(error, oaktreemodel.Unauthenticated)
        assert error.reason == "CREDENTIALS_REFUSED"
        assert error.cloud == "devstack-badpassword"
        assert "wrong" not in error.message


def test_a_wrong_password_hides_no_other_cloud(client: oaktreemodel.Client) -> None:
    failures: list[oaktreemodel.OaktreeError] = []
    seen = {one.location.cloud for one in client.images.list(on_failure=failures.append)}
    assert {*PROJECTS.values(), "devstack-appcred", "devstack-reader", "devstack-regions"} == seen
    assert [failure.cloud for failure in failures] == ["devstack-badpassword"]
    with pytest.raises(oaktreemodel.PartialFailure):
        list(client.images.list())


def test_who_may_only_read(client: oaktreemodel.Client, name: str) -> None:
    reader = client.cloud("devstack-reader")
    assert "private" in [network.name for network in reader.networks.list()]
    for collection, given in {
        "servers": SERVER,
        "networks": {},
        "volumes": {"size_gib": 1},
        "images": {"disk_format": "raw", "container_format": "bare"},
    }.items():
        with pytest.raises(oaktreemodel.PermissionDenied) as caught:
            getattr(reader, collection).create(name=name, **given)
        assert caught.value.reason == "POLICY_FORBIDS"
        assert caught.value.cloud == "devstack-reader"


def test_an_application_credential(
    client: oaktreemodel.Client, demo: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    cloud = client.cloud("devstack-appcred")
    volume = cloud.volumes.create(name=name, size_gib=1)
    assert volume.location.project.id == itself("demo").project_id
    cloud.volumes.wait(name, timeout=60)
    cloud.volumes.delete(name)
    cloud.volumes.wait(volume.id, until="deleted", timeout=60)
