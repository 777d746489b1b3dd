"""The floating IP that oaktree gives a server: made once, and gone with it, whatever happens; what
its user made, moved or took away is its user's."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest
from oaktree.democloud import DemoCloud
from oaktreemodel import State

from .conftest import Running, until

REGIONS = {"modern": "east", "kilo": "RegionOne"}
SERVER: dict[str, Any] = {"image": "cirros", "flavor": "m1.tiny"}
EAST = ("modern", "east")
clouds = pytest.mark.parametrize("name", REGIONS)


@pytest.fixture(autouse=True)
def _nothing_left(demo: DemoCloud) -> Iterator[None]:
    yield
    demo.clear_faults()
    until(
        lambda: (
            not any(
                demo.items(cloud, region, table)
                for cloud, region in REGIONS.items()
                for table in ("servers", "floatingips")
            )
        )
    )


@pytest.fixture
def slowly(demo: DemoCloud) -> Iterator[None]:
    """Nova takes its time to build, so that things can happen meanwhile."""
    demo.set("modern", build_seconds=3.0)
    yield
    demo.set("modern", build_seconds=0.2)


def restarted(clouds_yaml: Path) -> Running:
    """Another oaktree, which knows nothing of what the first one did."""
    return Running(clouds_yaml, ("modern", "direct", "kilo"))


def gone(cloud: Any, server: Any) -> None:
    cloud.servers.delete(server.id)
    assert cloud.servers.wait(server.id, until="deleted", timeout=30).state == State.STATE_DELETED


@clouds
def test_what_its_user_made_stays(client: oaktreemodel.Client, demo: DemoCloud, name: str) -> None:
    cloud = client.cloud(name, region=REGIONS[name])
    port = cloud.ports.create(network="private", name="mine")
    server = cloud.servers.create(name="web", auto_ip=False, nics=[{"port": "mine"}], **SERVER)
    server = cloud.servers.wait(server.id, timeout=30)
    assert (server.public_v4, server.interface_ip) == ("", server.private_v4)
    assert not demo.items(name, REGIONS[name], "floatingips")
    mine = cloud.floating_ips.create(server="web")
    gone(cloud, server)
    assert [ip.id for ip in cloud.floating_ips.list(max_age=0)] == [mine.id]
    assert cloud.ports.get("mine", max_age=0).device_id == ""
    cloud.floating_ips.delete(mine.id)
    cloud.ports.delete(port.id)


@clouds
def test_what_its_user_attached_beside_oaktrees_stays(
    client: oaktreemodel.Client, demo: DemoCloud, name: str
) -> None:
    cloud = client.cloud(name, region=REGIONS[name])
    server = cloud.servers.create(name="web", **SERVER)
    server = cloud.servers.wait(server.id, timeout=30)
    ports = [cloud.ports.create(network="private", name="mine")]
    demo.alter(name, REGIONS[name], "ports", ports[0].id, device_id=server.id)
    mine = cloud.floating_ips.create(port="mine")
    gone(cloud, server)
    until(lambda: len(demo.items(name, REGIONS[name], "floatingips")) == 1)
    assert [ip.id for ip in cloud.floating_ips.list(max_age=0)] == [mine.id]
    cloud.floating_ips.delete(mine.id)
    cloud.ports.delete("mine")


@clouds
def test_what_its_user_removed_does_not_come_back(
    client: oaktreemodel.Client, demo: DemoCloud, clouds_yaml: Path, running: Running, name: str
) -> None:
    cloud = client.cloud(name, region=REGIONS[name])
    server = cloud.servers.create(name="web", **SERVER)
    server = cloud.servers.wait(server.id, timeout=30)
    cloud.floating_ips.delete(server.public_v4)
    assert cloud.servers.wait(server.id, timeout=30).public_v4 == ""
    again = restarted(clouds_yaml)
    with oaktreemodel.connect(again.address) as other:
        cloud = other.cloud(name, region=REGIONS[name])
        assert cloud.servers.wait(server.id, timeout=30).public_v4 == ""
        assert not demo.items(name, REGIONS[name], "floatingips")
        gone(cloud, server)
    again.stop()


def test_nor_what_its_user_removed_while_it_was_built(
    client: oaktreemodel.Client, demo: DemoCloud, slowly: None
) -> None:
    cloud = client.cloud("modern", region="east")
    server = cloud.servers.create(name="web", **SERVER)
    until(lambda: bool(demo.items(*EAST, "floatingips")))
    (floating,) = cloud.floating_ips.list(max_age=0)
    cloud.floating_ips.delete(floating.id)
    assert cloud.servers.get(server.id, max_age=0).status == "BUILD"
    assert cloud.servers.wait(server.id, timeout=30).public_v4 == ""
    assert not demo.items(*EAST, "floatingips")
    gone(cloud, server)


@clouds
def test_another_oaktree_knows_which_one_goes_with_it(
    client: oaktreemodel.Client, demo: DemoCloud, clouds_yaml: Path, running: Running, name: str
) -> None:
    cloud = client.cloud(name, region=REGIONS[name])
    server = cloud.servers.create(name="web", **SERVER)
    cloud.servers.wait(server.id, timeout=30)
    again = restarted(clouds_yaml)
    with oaktreemodel.connect(again.address) as other:
        gone(other.cloud(name, region=REGIONS[name]), server)
        until(lambda: not demo.items(name, REGIONS[name], "floatingips"))
    again.stop()


def test_a_build_that_goes_on_at_another_host_keeps_it(
    client: oaktreemodel.Client, demo: DemoCloud, slowly: None
) -> None:
    """Nova takes the port of the first host away, and makes another."""
    cloud = client.cloud("modern", region="east")
    server = cloud.servers.create(name="web", **SERVER)
    until(lambda: bool(demo.items(*EAST, "floatingips")))
    (floating,) = demo.items(*EAST, "floatingips")
    old = demo.item(*EAST, "ports", floating["port_id"])
    demo.alter(*EAST, "ports", old["id"], device_id="")
    lost: dict[str, Any] = {
        "port_id": None,
        "fixed_ip_address": None,
        "router_id": None,
        "status": "DOWN",
    }
    demo.alter(*EAST, "floatingips", floating["id"], **lost)
    new = demo.add(*EAST, "ports", like=old["id"], device_id=server.id)
    demo.remove(*EAST, "ports", old["id"])
    assert demo.item(*EAST, "servers", server.id)["status"] == "BUILD"
    server = cloud.servers.wait(server.id, timeout=30)
    assert server.public_v4 == floating["floating_ip_address"]
    (found,) = demo.items(*EAST, "floatingips")
    assert (found["id"], found["port_id"]) == (floating["id"], new["id"])
    gone(cloud, server)
    cloud.ports.delete(new["id"])


def test_a_delete_lets_a_floating_ip_be_made_first(
    client: oaktreemodel.Client, demo: DemoCloud, slowly: None
) -> None:
    """Neutron fails over a port that goes while it is given one, and Nova over the server."""
    cloud = client.cloud("modern", region="east")
    demo.fault("modern", "delay", seconds=3.0, method="POST", path="/floatingips")
    demo.reset_calls()
    server = cloud.servers.create(name="web", **SERVER)
    until(lambda: demo.calls("modern")["POST network /floatingips"] > 0)
    with ThreadPoolExecutor(1) as thread:
        deleting = thread.submit(cloud.servers.delete, server.id)

        def sent() -> bool:
            # In this order: what is there when the Delete is seen was there before.
            seen = demo.calls("modern")["DELETE compute /servers/{id}"] > 0
            assert not seen or made()
            return seen

        def made() -> bool:
            return demo.calls("modern")["DELETE network /floatingips/{id}"] > 0 or bool(
                demo.items(*EAST, "floatingips")
            )

        until(sent)
        deleting.result(30)
    cloud.servers.wait(server.id, until="deleted", timeout=30)


def test_a_server_that_its_user_locked(
    running: Running, client: oaktreemodel.Client, demo: DemoCloud, slowly: None
) -> None:
    cloud = client.cloud("modern", region="east")
    server = cloud.servers.create(name="web", **SERVER)
    demo.alter(*EAST, "servers", server.id, locked=True)
    with pytest.raises(oaktreemodel.Failed) as caught:
        cloud.servers.delete(server.id)
    assert caught.value.reason == "CONFLICT"
    assert f"Instance {server.id} is locked" in str(caught.value)
    # It stays, and what it was promised is kept, though Nova lets nobody note that.
    server = cloud.servers.wait(server.id, timeout=30)
    assert server.public_v4
    assert "oaktree_auto_ip" in demo.item(*EAST, "servers", server.id)["metadata"]
    demo.alter(*EAST, "servers", server.id, locked=False)
    until(lambda: "oaktree_auto_ip" not in demo.item(*EAST, "servers", server.id)["metadata"])
    gone(cloud, server)


def test_one_that_the_cloud_forbids(client: oaktreemodel.Client, demo: DemoCloud) -> None:
    cloud = client.cloud("modern", region="east")
    forbidden = {"status": 403, "method": "POST", "path": "/floatingips", "times": None}
    demo.fault("modern", "status", **forbidden)
    server = cloud.servers.create(name="web", **SERVER)
    with pytest.raises(oaktreemodel.PermissionDenied) as caught:
        cloud.servers.wait(server.id, timeout=30)
    assert server.id in str(caught.value)
    assert "floating IP could not be made" in str(caught.value)
    assert cloud.servers.get(server.id, max_age=0).state == State.STATE_READY
    gone(cloud, server)


def test_a_delete_whose_answer_is_lost_is_cleared_up_after(
    client: oaktreemodel.Client, demo: DemoCloud
) -> None:
    cloud = client.cloud("modern", region="east")
    server = cloud.servers.create(name="web", **SERVER)
    assert cloud.servers.wait(server.id, timeout=30).public_v4
    demo.fault("modern", "lost_answer", method="DELETE", path="/servers/{id}")
    with pytest.raises(oaktreemodel.OaktreeError) as caught:
        cloud.servers.delete("web")
    assert caught.value.reason == "CLOUD_UNREACHABLE"
    # Nobody waits, and nobody asks again.
    until(lambda: not demo.items(*EAST, "floatingips"))


def test_a_delete_that_fails_leaves_it(client: oaktreemodel.Client, demo: DemoCloud) -> None:
    cloud = client.cloud("modern", region="east")
    server = cloud.servers.create(name="web", **SERVER)
    before = cloud.servers.wait(server.id, timeout=30).public_v4
    demo.fault("modern", "status", status=500, method="DELETE", path="/servers/{id}")
    with pytest.raises(oaktreemodel.OaktreeError):
        cloud.servers.delete(server.id)
    assert cloud.servers.wait(server.id, timeout=30).public_v4 == before
    assert len(demo.items(*EAST, "floatingips")) == 1
    gone(cloud, server)


def test_a_floating_ip_that_cannot_be_had_is_told_to_who_waits(
    client: oaktreemodel.Client, demo: DemoCloud
) -> None:
    cloud = client.cloud("modern", region="east")
    before = demo.clouds["modern"].settings.quota["floatingip"]
    demo.set("modern", quota={"floatingip": 0})
    try:
        server = cloud.servers.create(name="poor", **SERVER)
        with pytest.raises(oaktreemodel.QuotaExceeded) as caught:
            cloud.servers.wait(server.id, timeout=30)
        assert server.id in str(caught.value)
        assert "floating IP" in str(caught.value)
    finally:
        demo.set("modern", quota={"floatingip": before})
    # The promise stands: whoever waits again sees it kept.
    assert cloud.servers.wait(server.id, timeout=30).public_v4
    cloud.servers.delete(server.id)
    cloud.servers.wait(server.id, until="deleted", timeout=30)
    left_over = demo.items(*EAST, "floatingips")
    assert [(ip["description"], ip["port_id"]) for ip in left_over] == []


def test_a_floating_ip_comes_and_goes_though_the_cloud_fails_for_a_while(
    client: oaktreemodel.Client, demo: DemoCloud
) -> None:
    cloud = client.cloud("modern", region="east")
    demo.fault("modern", "status", status=503, service="network", method="POST")
    server = cloud.servers.create(name="alone", **SERVER)
    # Nobody waits for it.
    until(lambda: any(ip["port_id"] for ip in demo.items(*EAST, "floatingips")))
    demo.fault("modern", "status", status=503, service="network", method="DELETE")
    cloud.servers.delete(server.id)
    until(lambda: not demo.items(*EAST, "floatingips"))


def test_a_floating_ip_that_its_user_moved_meanwhile_stays(
    running: Running, client: oaktreemodel.Client, demo: DemoCloud
) -> None:
    cloud = client.cloud("modern", region="east")
    ports = [cloud.ports.create(network="private", name=f"port{i}") for i in range(2)]
    server = cloud.servers.create(name="left", nics=[{"port": ports[0].id}], **SERVER)
    server = cloud.servers.wait(server.id, timeout=30)
    (floating,) = cloud.floating_ips.list(max_age=0)
    assert floating.port.id == ports[0].id
    running.do(running.caller.once.finish(30))
    # Once the server is deleted, it is long before that shows.
    gone = {"service": "compute", "method": "GET", "path": "/servers/{id}", "skip": 2}
    demo.fault("modern", "delay", seconds=1.0, **gone)
    cloud.servers.delete(server.id)
    cloud.floating_ips.update(floating.id, port=ports[1].id)
    running.do(running.caller.once.finish(30))
    assert [ip.id for ip in cloud.floating_ips.list(max_age=0)] == [floating.id]
    cloud.floating_ips.delete(floating.id)
    for port in ports:
        cloud.ports.delete(port.id)
