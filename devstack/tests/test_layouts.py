"""The same call gives an addressable server however a project's networks are laid out, with the
addresses that openstacksdk finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest
from openstack.cloud import meta
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from .conftest import SERVER
from .itself import Itself, eventually

OUT, A, B, A_6 = "172.24.4.", "10.101.", "10.102.", "fd00:101:"
V4, OTHER_V4, V6 = "10.101.0.0/24", "10.102.0.0/24", "fd00:101::/64"
AUTO_PREFIX = "10.103.0.0/20"


@dataclass(frozen=True)
class Net:
    name: str
    cidrs: Sequence[str]
    routed: bool = True


# What is laid out, and what public_v4, public_v6, private_v4 and interface_ip begin with.
LAYOUTS: dict[str, tuple[list[Net], tuple[str, str, str, str]]] = {
    "a router": ([Net("a", [V4])], (OUT, "", A, OUT)),
    "no router": ([Net("a", [V4], routed=False)], ("", "", A, A)),
    "two networks, one with a router": (
        [Net("a", [V4], routed=False), Net("b", [OTHER_V4])],
        (OUT, "", B, OUT),
    ),
    "IPv6 only": ([Net("a", [V6])], ("", A_6, "", A_6)),
    "both versions": ([Net("a", [V4, V6])], (OUT, A_6, A, OUT)),
}


@contextmanager
def laid_out(net: Any, outside: Any, prefix: str, one: Net, **told: Any) -> Iterator[str]:
    """A network meanwhile, and the router that leads outside from it. Its name."""
    with ExitStack() as undo:
        network = net.create_network(name=f"{prefix}-{one.name}", **told)
        undo.callback(net.delete_network, network)
        router = None
        if one.routed:
            gateway = {"network_id": outside.id}
            router = net.create_router(name=network.name, external_gateway_info=gateway)
            undo.callback(net.delete_router, router)
        for cidr in one.cidrs:
            subnet = net.create_subnet(
                network_id=network.id, cidr=cidr, ip_version=6 if ":" in cidr else 4
            )
            if router is not None:
                net.add_interface_to_router(router, subnet=subnet.id)
                undo.callback(net.remove_interface_from_router, router, subnet=subnet.id)
        yield network.name


@pytest.fixture
def outside(itself: Callable[[str], Itself]) -> Any:
    return itself("bare").network.find_network("public")


@pytest.fixture
def openstacksdk(clouds_yaml: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """As it sees the project bare. It is not to try addresses out, nor to look at what the machine
    that it runs on can reach."""
    monkeypatch.setattr(
        meta, "find_best_address", lambda addresses, **_: addresses[0] if addresses else None
    )
    config = OpenStackConfig(config_files=[str(clouds_yaml)]).get_one(cloud="devstack-bare")
    connection: Any = Connection(config=config)
    connection._local_ipv6 = False
    return connection


def comes_and_goes(
    bare: Any, cloud: Itself, openstacksdk: Any, name: str, shown: tuple[str, ...]
) -> None:
    """A server with such addresses, and no word of how its networks are laid out."""
    server = bare.servers.create(name=name, **SERVER)
    server = bare.servers.wait(server.id, timeout=120)
    ours = (server.public_v4, server.public_v6, server.private_v4, server.interface_ip)
    for address, expected in zip(ours, shown, strict=True):
        assert bool(address) == bool(expected), ours
        assert address.startswith(expected), ours
    things = cloud.hangs_off(server.id)
    assert len([kind for kind, _ in things if kind == "floating IP"]) == bool(shown[0])

    def agreed() -> bool:
        """Nova hears of a floating IP some seconds later."""
        theirs = openstacksdk.get_server(server.id)
        # openstacksdk has none where there is no public one; any is better than none.
        interface = theirs.interface_ip or ours[3]
        return (theirs.public_v4, theirs.public_v6, theirs.private_v4, interface) == ours

    eventually(agreed)
    bare.servers.delete(server.id)
    bare.servers.wait(server.id, until="deleted", timeout=120)
    assert not cloud.still(things)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_server(
    bare: Any,
    name: str,
    itself: Callable[[str], Itself],
    outside: Any,
    openstacksdk: Any,
    layout: str,
) -> None:
    cloud = itself("bare")
    nets, shown = LAYOUTS[layout]
    with ExitStack() as laid:
        for one in nets:
            laid.enter_context(laid_out(cloud.network, outside, name, one))
        comes_and_goes(bare, cloud, openstacksdk, name, shown)


def test_a_network_that_another_project_shares(
    bare: Any,
    name: str,
    itself: Callable[[str], Itself],
    outside: Any,
    openstacksdk: Any,
) -> None:
    """Its router does not show, and still leads outside."""
    shared = Net("shared", [V4])
    with laid_out(itself("admin").network, outside, name, shared, is_shared=True):
        comes_and_goes(bare, itself("bare"), openstacksdk, name, (OUT, "", A, OUT))


def test_a_network_that_neutron_makes(
    bare: Any,
    name: str,
    itself: Callable[[str], Itself],
    outside: Any,
    openstacksdk: Any,
) -> None:
    cloud, admin = itself("bare"), itself("admin").network
    with ExitStack() as undo:
        pool = admin.create_subnet_pool(
            name=name, prefixes=[AUTO_PREFIX], default_prefixlen=26, is_shared=True, is_default=True
        )
        undo.callback(admin.delete_subnet_pool, pool)
        admin.update_network(outside, is_default=True)
        undo.callback(admin.update_network, outside, is_default=False)
        undo.callback(cloud.network.delete_auto_allocated_topology)
        comes_and_goes(bare, cloud, openstacksdk, name, (OUT, "", "10.103.", OUT))


def test_two_networks_are_a_question(
    bare: Any, name: str, itself: Callable[[str], Itself], outside: Any
) -> None:
    cloud = itself("bare")
    with (
        laid_out(cloud.network, outside, name, Net("a", [V4])) as a,
        laid_out(cloud.network, outside, name, Net("b", [OTHER_V4])) as b,
    ):
        with pytest.raises(oaktreemodel.InvalidArgument) as caught:
            bare.servers.create(name=name, **SERVER)
        assert caught.value.reason == "CHOICE_NEEDED"
        for word in ("nics", a, b):
            assert word in str(caught.value)
        # The answer to it, and to two at once: the floating IP leads to the first.
        nics = [{"network": b}, {"network": a}]
        server = bare.servers.create(name=name, nics=nics, **SERVER)
        server = bare.servers.wait(server.id, timeout=120)
        assert {one.network for one in server.addresses} == {a, b}
        assert server.public_v4.startswith(OUT)
        assert server.private_v4.startswith(B)
        things = cloud.hangs_off(server.id)
        bare.servers.delete(server.id)
        bare.servers.wait(server.id, until="deleted", timeout=120)
        assert not cloud.still(things)


def test_no_network_is_told(bare: Any, name: str, itself: Callable[[str], Itself]) -> None:
    with pytest.raises(oaktreemodel.Failed) as caught:
        bare.servers.create(name=name, **SERVER)
    assert caught.value.reason == "NOT_OFFERED"
    assert "there is no network" in str(caught.value)
    assert not itself("bare").called(name)
