"""Lists and Gets, over one cloud and over all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import oaktreemodel.aio
import pytest
from oaktree import resources
from oaktree.democloud import DemoCloud
from oaktree.errors import Refused
from oaktree.reader import Others
from oaktree.walk import items
from oaktreemodel import State
from oaktreemodel.v1.error_pb2 import Reason

from .conftest import Running

READ = ("servers", "flavors", "images", "keypairs", "networks", "ports", "volumes")


@pytest.mark.parametrize("collection", READ)
def test_a_list_covers_every_cloud_and_region(client: oaktreemodel.Client, collection: str) -> None:
    places = {
        ("modern", "east"),
        ("modern", "west"),
        ("direct", "RegionOne"),
        ("kilo", "RegionOne"),
    }
    listed = list(getattr(client, collection).list())
    found = {(item.location.cloud, item.location.region) for item in listed}
    assert found <= places
    if collection in ("flavors", "images", "networks"):
        assert found == places


def test_a_region_without_floating_ips_is_no_failure_of_a_list(client: oaktreemodel.Client) -> None:
    made = client.cloud("modern", region="east").floating_ips.create()
    assert made.name in [ip.name for ip in client.floating_ips.list()]
    client.at(made.location).floating_ips.delete(made.id)
    with pytest.raises(oaktreemodel.Failed) as caught:
        list(client.cloud("direct", region="RegionOne").floating_ips.list())
    assert caught.value.reason == "SERVICE_ABSENT"


def test_one_cloud_that_is_gone_does_not_hide_the_others(
    client: oaktreemodel.Client, demo: DemoCloud
) -> None:
    demo.stop("direct")
    try:
        seen: list[str] = []
        listing = client.flavors.list(max_age=0)
        with pytest.raises(oaktreemodel.PartialFailure) as caught:
            seen.extend(flavor.location.cloud for flavor in listing)
        assert {"modern", "kilo"} == set(seen)
        assert [failure.cloud for failure in caught.value.failures] == ["direct"]
        clouds = {cloud.name: cloud for cloud in client.clouds.list()}
        assert clouds["direct"].state == State.STATE_FAILED
        assert clouds["modern"].state == State.STATE_READY
        with pytest.raises(oaktreemodel.Unavailable) as gone:
            client.cloud("direct").flavors.get("m1.tiny", max_age=0)
        assert gone.value.reason == "CLOUD_UNREACHABLE"
        assert gone.value.cloud == "direct"
    finally:
        demo.start_again("direct")
    assert "direct" in {flavor.location.cloud for flavor in client.flavors.list(max_age=0)}


def test_a_cloud_that_is_down_at_start_is_tried_again(demo: DemoCloud, clouds_yaml: Path) -> None:
    demo.stop("kilo")
    late = Running(clouds_yaml, ("kilo", "modern"))
    try:
        with oaktreemodel.connect(late.address) as client:
            with pytest.raises(oaktreemodel.Unavailable):
                client.cloud("kilo").flavors.get("m1.tiny")
            assert client.cloud("modern", region="east").flavors.get("m1.tiny").name == "m1.tiny"
            demo.start_again("kilo")
            assert client.cloud("kilo").flavors.get("m1.tiny").name == "m1.tiny"
    finally:
        late.stop()


def test_names_and_ids(client: oaktreemodel.Client) -> None:
    cloud = client.cloud("modern", region="east")
    by_name = cloud.flavors.get("m1.tiny")
    assert cloud.flavors.get(by_name.id) == by_name
    twins = [cloud.volumes.create(name="twin", size_gib=1) for _ in range(2)]
    with pytest.raises(oaktreemodel.InvalidArgument) as caught:
        cloud.volumes.get("twin")
    assert caught.value.reason == "NAME_AMBIGUOUS"
    assert all(twin.id in str(caught.value) for twin in twins)
    for twin in twins:
        cloud.volumes.wait(twin.id, timeout=20)
        cloud.volumes.delete(twin.id)
    with pytest.raises(oaktreemodel.NotFound):
        cloud.volumes.get("no such volume")


def test_ten_thousand_servers_come_whole_and_once(
    client: oaktreemodel.Client, demo: DemoCloud
) -> None:
    demo.add_servers("modern", "west", 2500)
    demo.reset_calls()
    ids = [server.id for server in client.cloud("modern", region="west").servers.list()]
    assert len(ids) == len(set(ids)) == 2500
    calls = demo.calls("modern")
    assert calls["GET compute /servers/detail"] == 3
    # Nothing is asked of the cloud for each server.
    assert sum(calls.values()) < 15


def test_where_keeps_what_fits(client: oaktreemodel.Client) -> None:
    cloud = client.cloud("modern", region="east")
    assert [f.name for f in cloud.flavors.list(where={"name": "m1.tiny"})] == ["m1.tiny"]
    with pytest.raises(oaktreemodel.InvalidArgument) as caught:
        list(cloud.flavors.list(where={"colour": "red"}))
    assert "where[0].path" in str(caught.value)


@pytest.mark.parametrize("end", ["deadline", "cancel"])
async def test_the_end_of_a_call_reaches_the_cloud(
    running: Running, demo: DemoCloud, end: str
) -> None:
    async with oaktreemodel.aio.connect(running.address) as client:
        cloud = client.cloud("modern", region="west")
        await cloud.flavors.get("m1.tiny")
        demo.reset_calls()
        demo.fault("modern", "silent", service="compute", region="west")
        timeout = 0.5 if end == "deadline" else 30
        call = asyncio.create_task(cloud.flavors.get("m1.tiny", max_age=0, timeout=timeout))
        await _until(lambda: demo.traffic("modern")["in_flight"] == 1)
        if end == "cancel":
            call.cancel()
        with pytest.raises((oaktreemodel.DeadlineExceeded, asyncio.CancelledError)):
            await call
        await _until(lambda: demo.traffic("modern")["cut"] == 1)
        # The thread that was cut is there for the next call.
        assert (await cloud.flavors.get("m1.tiny")).name == "m1.tiny"


async def test_leaving_a_list_early_ends_its_requests(running: Running, demo: DemoCloud) -> None:
    demo.add_servers("modern", "west", 1500)
    async with oaktreemodel.aio.connect(running.address) as client:
        cloud = client.cloud("modern", region="west")
        await cloud.flavors.get("m1.tiny")
        demo.reset_calls()
        demo.fault("modern", "silent", path="/servers/detail", service="compute", skip=1)
        async for _ in cloud.servers.list(max_age=0):
            await _until(lambda: demo.traffic("modern")["in_flight"] == 1)
            break
        await _until(lambda: demo.traffic("modern")["cut"] == 1)


def test_a_list_that_leads_back_to_where_it_was_is_none() -> None:
    class Circle:
        row = resources.reader("Server").row

        def page(self, place: Any, query: Any) -> tuple[list[Any], Any]:
            return [{"id": "x"}], {"marker": "b" if query.get("marker") == "a" else "a"}

    circle: Any = Circle()
    with pytest.raises(Refused) as caught:
        list(items(cast(Any, None), circle, {}))
    assert caught.value.reason == Reason.REASON_CLOUD_ERROR


async def test_leaving_a_list_of_many_places_leaves_no_task_behind(
    running: Running, demo: DemoCloud
) -> None:
    async with oaktreemodel.aio.connect(running.address) as client:
        async for _ in client.flavors.list(max_age=0):
            break
        for cloud in demo.clouds:
            demo.fault(cloud, "silent", service="compute", path="/flavors/detail", times=None)
        with pytest.raises(oaktreemodel.DeadlineExceeded):
            async for _ in client.flavors.list(max_age=0, timeout=0.5):
                pass
    await _until(lambda: not running.do(_tasks_of("over_places")))
    assert not Others.serving


async def _tasks_of(name: str) -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if name in repr(task.get_coro())]


def test_a_project_of_the_same_name_in_another_domain_is_another(
    client: oaktreemodel.Client,
) -> None:
    own = client.cloud("modern", region="east", project={"name": "demo"})
    (location,) = {str(port.location) for port in own.networks.list(where={"name": "private"})}
    assert "Default" in location
    for domain in ({"domain_id": "elsewhere"}, {"domain_name": "elsewhere"}):
        cloud = client.cloud("modern", region="east", project={"name": "demo", **domain})
        with pytest.raises(oaktreemodel.PermissionDenied, match="no token for the project 'demo'"):
            list(cloud.networks.list())


def test_an_expired_token_is_renewed_unnoticed(
    client: oaktreemodel.Client, demo: DemoCloud
) -> None:
    cloud = client.cloud("modern", region="east")
    cloud.flavors.get("m1.tiny")
    demo.expire_tokens("modern")
    assert cloud.flavors.get("m1.tiny").name == "m1.tiny"


def test_all_who_learn_that_a_token_is_expired_try_again(running: Running, demo: DemoCloud) -> None:
    place = running.caller.clouds.regions("modern")["east"]

    def ask() -> int:
        return int(place.service("compute").get("/flavors").status_code)

    async def crowd() -> list[int]:
        return await asyncio.gather(*(place.run(None, ask) for _ in range(8)))

    running.do(crowd())
    for _ in range(10):
        demo.expire_tokens("modern")
        assert running.do(crowd()) == [200] * 8


@pytest.mark.parametrize(
    ("kind", "values", "code", "reason"),
    [
        ("status", {"status": 500}, "UNKNOWN", "CLOUD_ERROR"),
        ("status", {"status": 503}, "UNAVAILABLE", "CLOUD_ERROR"),
        ("status", {"status": 429, "retry_after": 3}, "RESOURCE_EXHAUSTED", "RATE_LIMITED"),
        ("broken_json", {}, "UNKNOWN", "CLOUD_ERROR"),
        ("cut", {}, "UNAVAILABLE", "CLOUD_UNREACHABLE"),
        ("cut_body", {}, "UNAVAILABLE", "CLOUD_UNREACHABLE"),
    ],
)
def test_what_a_cloud_that_misbehaves_is_told_as(
    client: oaktreemodel.Client,
    demo: DemoCloud,
    kind: str,
    values: dict[str, int],
    code: str,
    reason: str,
) -> None:
    cloud = client.cloud("modern", region="east")
    cloud.flavors.get("m1.tiny")
    demo.fault("modern", kind, service="compute", path="/flavors/detail", times=None, **values)
    with pytest.raises(oaktreemodel.OaktreeError) as caught:
        list(cloud.flavors.list(max_age=0))
    assert caught.value.code.name == code
    assert caught.value.reason == reason
    assert caught.value.region == "east"


async def _until(true: Callable[[], bool]) -> None:
    for _ in range(200):
        if true():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen")
