"""The same call gives an addressable server on clouds whose networks are laid out in odd ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest
import yaml
from oaktree.democloud import DemoCloud
from openstack.cloud import meta
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from .conftest import Running, until
from .layouts import CASES, REFUSALS, REGIONS

SERVER: dict[str, Any] = {"image": "cirros", "flavor": "m1.tiny"}


class Served:
    """An oaktree that serves every case's own entry of a clouds.yaml, and openstacksdk beside."""

    def __init__(self, demo: DemoCloud, path: Path, client: dict[str, Any]) -> None:
        known, clouds = demo.clouds_yaml(extras=True)["clouds"], {}
        for name, case in (CASES | REFUSALS).items():
            region = REGIONS[case.cloud.split("-")[0]]
            entry = {key: value for key, value in known[case.cloud].items() if key != "regions"}
            clouds[name] = entry | {"region_name": region} | case.entry
        path.write_text(yaml.safe_dump({"clouds": clouds, "client": client}))
        self._path = path
        self._running = Running(path)
        self._client = oaktreemodel.connect(self._running.address)

    def cloud(self, name: str) -> Any:
        return self._client.cloud(name)

    def openstacksdk(self, name: str) -> Any:
        """It is not to look at what the machine that it runs on can reach."""
        config = OpenStackConfig(config_files=[str(self._path)], load_envvars=False)
        connection: Any = Connection(config=config.get_one(name))
        connection._local_ipv6 = False
        return connection

    def close(self) -> None:
        self._client.close()
        self._running.stop()


@pytest.fixture(scope="module")
def served(
    demo: DemoCloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[bool, Served]]:
    """By whether it is told to go by IPv4 alone, which holds for all of its clouds."""
    folder = tmp_path_factory.mktemp("layouts")
    both = {
        force: Served(demo, folder / f"clouds-{force}.yaml", {"force_ipv4": force})
        for force in (False, True)
    }
    yield both
    for one in both.values():
        one.close()


@pytest.fixture
def at(demo: DemoCloud, name: str) -> Iterator[tuple[str, str]]:
    """The cloud and the region that a case is laid out in."""
    case = (CASES | REFUSALS)[name]
    cloud = case.cloud.split("-")[0]
    demo.lay_out(cloud, REGIONS[cloud], *case.networks)
    yield cloud, REGIONS[cloud]
    for server in demo.items(cloud, REGIONS[cloud], "servers"):
        demo.remove(cloud, REGIONS[cloud], "servers", server["id"])


@pytest.mark.parametrize("name", CASES)
def test_a_server(
    demo: DemoCloud,
    served: dict[bool, Served],
    name: str,
    at: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = CASES[name]
    ports = len(demo.items(*at, "ports"))
    demo.reset_calls()
    oaktree = served[bool(case.client)]
    cloud = oaktree.cloud(name)
    server = cloud.servers.create(name="web", **SERVER, **case.given)
    server = cloud.servers.wait(server.id, timeout=60)
    shown = (server.public_v4, server.public_v6, server.private_v4, server.interface_ip)
    for address, expected in zip(shown, case.shown, strict=True):
        assert bool(address) == bool(expected), shown
        assert address.startswith(expected), shown
    assert {one.network for one in server.addresses} == set(case.on.split())
    floating = demo.items(*at, "floatingips")
    sources = {network["id"]: network["name"] for network in demo.items(*at, "networks")}
    assert [sources[one["floating_network_id"]] for one in floating] == case.floating.split()
    asked = demo.calls(at[0])["POST network /floatingips"] > 0
    assert asked == (bool(case.floating) if case.asked is None else case.asked)

    monkeypatch.setattr(
        meta, "find_best_address", lambda addresses, **_: addresses[0] if addresses else None
    )
    theirs = oaktree.openstacksdk(name).get_server(server.id)
    assert (theirs.public_v4, theirs.public_v6, theirs.private_v4) == shown[:3]
    # openstacksdk has none where there is no public one; any is better than none.
    assert shown[3] == (theirs.interface_ip or shown[3])

    cloud.servers.delete(server.id)
    cloud.servers.wait(server.id, until="deleted", timeout=60)
    until(lambda: not demo.items(*at, "floatingips"))
    made = 1 if case.on.startswith("auto") else 0
    # The router's, of a network that Neutron made.
    assert len(demo.items(*at, "ports")) == ports + made


@pytest.mark.parametrize("name", REFUSALS)
def test_a_question(
    demo: DemoCloud, served: dict[bool, Served], name: str, at: tuple[str, str]
) -> None:
    case = REFUSALS[name]
    with pytest.raises(case.error) as caught:
        served[False].cloud(name).servers.create(name="web", **SERVER, **case.given)
    assert caught.value.reason == case.reason
    for word in case.named:
        assert word in str(caught.value)
    assert not demo.items(*at, "servers")
