"""Which network a server gets, and where its floating IP comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from oaktree.budget import Budget
from oaktree.errors import Refused
from oaktree.networks import Networks, Settings
from oaktree.place import Place
from oaktree.row import Item
from oaktreemodel.v1.error_pb2 import Reason

from .test_addresses import configured

MINE, THEIRS = "p1", "p2"


def network(name: str, **told: object) -> Item:
    """One of the project's own, inside."""
    defaults: Item = {"router:external": False, "shared": False, "project_id": MINE}
    return {"id": f"id-{name}", "name": name} | defaults | told


PUBLIC = network("public", **{"router:external": True, "project_id": THEIRS})
SECOND = network("second", **{"router:external": True, "project_id": THEIRS})
DEFAULT = network("standard", **{"router:external": True, "project_id": THEIRS, "is_default": True})
DIRECT = network("direct", **{"router:external": True, "project_id": THEIRS, "shared": True})
ONE, TWO = network("one"), network("two")
SHARED = network("shared", project_id=THEIRS, shared=True)
SHARED_TOO = network("shared too", project_id=THEIRS, shared=True)
THEIRS_ALONE = network("theirs", project_id=THEIRS)
# As Kilo tells it.
OLD = {"id": "id-old", "name": "old", "router:external": False, "tenant_id": MINE}
NOBODYS = {"id": "id-nobody", "name": "nobody's", "router:external": False}


@dataclass(frozen=True)
class Case:
    """`v4` and `v6` have a subnet of that version; `routed` are led outside, to "public" unless
    it says more. Expected are names; None for none; a set for the choices that are named."""

    networks: Sequence[Item]
    server: str | set[str] | None
    floating: str | set[str] | None = None
    v4: Sequence[Item] = ()
    v6: Sequence[Item] = ()
    routed: dict[str, set[str]] = field(default_factory=dict)
    routers: bool = True
    entry: Item = field(default_factory=dict)


def out(*networks: Item, to: Sequence[Item] = (PUBLIC,)) -> dict[str, set[str]]:
    return {n["id"]: {outside["id"] for outside in to} for n in networks}


def named(*networks: Item, **what: bool) -> Item:
    return {"networks": [{"name": n["name"], **what} for n in networks]}


CASES = {
    "one network with a router": Case(
        [PUBLIC, ONE], "one", "public", v4=[PUBLIC, ONE], routed=out(ONE)
    ),
    "two networks and no choice": Case(
        [PUBLIC, ONE, TWO], {"one", "two"}, v4=[ONE, TWO], routed=out(ONE, TWO)
    ),
    "two networks, one with a router": Case(
        [PUBLIC, ONE, TWO], "two", "public", v4=[ONE, TWO], routed=out(TWO)
    ),
    "a network without a router": Case([PUBLIC, ONE], "one", None, v4=[ONE]),
    "two networks without a router": Case([PUBLIC, ONE, TWO], {"one", "two"}, v4=[ONE, TWO]),
    "a network without a subnet": Case([PUBLIC, ONE, TWO], "two", None, v4=[TWO]),
    "only one without a subnet": Case([PUBLIC, ONE], None),
    "no network at all": Case([], None),
    "only an external one of another project": Case([PUBLIC], None, v4=[PUBLIC]),
    "only an external one that is shared": Case([PUBLIC, DIRECT], "direct", v4=[PUBLIC, DIRECT]),
    "a shared external one without a subnet": Case([DIRECT], None),
    "a shared external one that clouds.yaml keeps from use": Case(
        [DIRECT], None, v4=[DIRECT], entry={"use_external_network": False}
    ),
    "IPv6 only": Case([PUBLIC, ONE], "one", None, v6=[ONE], routed=out(ONE)),
    "both versions": Case([PUBLIC, ONE], "one", "public", v4=[ONE], v6=[ONE], routed=out(ONE)),
    "the project's own before shared ones": Case(
        [PUBLIC, SHARED, ONE], "one", "public", v4=[SHARED, ONE], routed=out(SHARED, ONE)
    ),
    "shared by another project": Case(
        [PUBLIC, SHARED], "shared", "public", v4=[SHARED], routed=out(SHARED)
    ),
    "shared by another project, whose routers do not show": Case(
        [PUBLIC, SHARED], "shared", "public", v4=[SHARED]
    ),
    "the same, with the default one of several outside": Case(
        [PUBLIC, DEFAULT, SHARED], "shared", "standard", v4=[SHARED]
    ),
    "the same, with several outside": Case([PUBLIC, SECOND, SHARED], "shared", None, v4=[SHARED]),
    "one of another project that an administrator is shown": Case(
        [PUBLIC, THEIRS_ALONE], None, v4=[THEIRS_ALONE], routed=out(THEIRS_ALONE)
    ),
    "two shared by another project": Case(
        [SHARED, SHARED_TOO],
        {"shared", "shared too"},
        v4=[SHARED, SHARED_TOO],
        routed=out(SHARED, SHARED_TOO),
    ),
    "as Kilo tells it": Case(
        [PUBLIC, OLD, SHARED], "old", "public", v4=[OLD, SHARED], routed=out(OLD, SHARED)
    ),
    "one of nobody's": Case([NOBODYS], "nobody's", None, v4=[NOBODYS], routers=False),
    "no routers in this cloud": Case([ONE], "one", None, v4=[ONE], routers=False),
    "several external networks, one routed to": Case(
        [PUBLIC, SECOND, ONE], "one", "second", v4=[ONE], routed=out(ONE, to=[SECOND])
    ),
    "several external networks routed to": Case(
        [PUBLIC, SECOND, ONE],
        "one",
        {"public", "second"},
        v4=[ONE],
        routed=out(ONE, to=[PUBLIC, SECOND]),
    ),
    "several, one of them the default": Case(
        [PUBLIC, DEFAULT, ONE], "one", "standard", v4=[ONE], routed=out(ONE, to=[PUBLIC, DEFAULT])
    ),
    "several, one of them named in clouds.yaml": Case(
        [PUBLIC, SECOND, ONE],
        "one",
        "second",
        v4=[ONE],
        routed=out(ONE, to=[PUBLIC, SECOND]),
        entry=named(SECOND, nat_source=True, routes_externally=True),
    ),
    "nat_destination": Case(
        [PUBLIC, ONE, TWO],
        "two",
        "public",
        v4=[ONE, TWO],
        routed=out(ONE, TWO),
        entry=named(TWO, nat_destination=True),
    ),
    "default_interface": Case(
        [PUBLIC, ONE, TWO],
        "two",
        "public",
        v4=[ONE, TWO],
        routed=out(ONE, TWO),
        entry=named(TWO, default_interface=True),
    ),
    "default_interface before nat_destination": Case(
        [PUBLIC, ONE, TWO],
        "one",
        "public",
        v4=[ONE, TWO],
        routed=out(ONE, TWO),
        entry={
            "networks": [
                {"name": "two", "nat_destination": True},
                {"name": "one", "default_interface": True},
            ]
        },
    ),
    "one named by its id": Case(
        [PUBLIC, ONE, TWO],
        "two",
        "public",
        v4=[ONE, TWO],
        routed=out(ONE, TWO),
        entry={"networks": [{"name": "id-two", "default_interface": True}]},
    ),
    "an inner one that clouds.yaml calls external": Case(
        [PUBLIC, ONE, TWO],
        "one",
        "public",
        v4=[ONE, TWO],
        routed=out(ONE, TWO),
        entry=named(TWO, routes_externally=True),
    ),
    "an outer one that clouds.yaml calls internal": Case(
        [DIRECT],
        "direct",
        None,
        v4=[DIRECT],
        routers=False,
        entry=named(DIRECT, routes_externally=False),
    ),
    "private: true": Case(
        [PUBLIC, ONE], "one", None, v4=[ONE], routed=out(ONE), entry={"private": True}
    ),
    "no use of the external network": Case(
        [PUBLIC, ONE],
        "one",
        None,
        v4=[ONE],
        routed=out(ONE),
        entry={"use_external_network": False},
    ),
    "no floating IPs, says clouds.yaml": Case(
        [PUBLIC, ONE], "one", None, v4=[ONE], routed=out(ONE), entry={"floating_ip_source": None}
    ),
}


def known(case: Case, folder: Path) -> Networks:
    settings = Settings.of(Place("c", "r", configured(folder, case.entry), Budget()))
    subnets = [{"network_id": n["id"], "ip_version": 4} for n in case.v4]
    subnets += [{"network_id": n["id"], "ip_version": 6} for n in case.v6]
    return Networks(
        settings,
        MINE,
        present=True,
        has_routers=case.routers,
        networks=list(case.networks),
        subnets=subnets,
        routed=case.routed,
    )


def refused(choose: Callable[[], object], field_name: str, choices: set[str]) -> None:
    with pytest.raises(Refused) as raised:
        choose()
    assert raised.value.reason == Reason.REASON_CHOICE_NEEDED
    assert raised.value.message.startswith(f"{field_name}: ")
    for name in choices:
        assert f"{name} (id-{name})" in raised.value.message


@pytest.mark.parametrize("name", CASES)
def test_a_server_gets_the_network_that_it_should(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    # The order in which the cloud lists them means nothing.
    for networks in (case.networks, case.networks[::-1]):
        found = known(case, tmp_path)
        found.networks = list(networks)
        if isinstance(case.server, set):
            refused(found.for_server, "nics", case.server)
            continue
        given = found.for_server()
        assert (given["name"] if given else None) == case.server
        if isinstance(case.floating, set):
            refused(partial(found.floating_for, given), "floating_network", case.floating)
            continue
        source = found.floating_for(given)
        assert (source["name"] if source else None) == case.floating


def test_a_server_on_an_external_network_needs_no_floating_ip(tmp_path: Path) -> None:
    found = known(Case([PUBLIC, ONE], None, v4=[PUBLIC, ONE], routed=out(ONE)), tmp_path)
    assert found.floating_for(PUBLIC) is None
    assert found.floating_for(None) is None


def test_nor_does_one_on_what_clouds_yaml_calls_external(tmp_path: Path) -> None:
    entry = named(TWO, routes_externally=True)
    case = Case([PUBLIC, TWO], None, v4=[TWO], routed=out(TWO), entry=entry)
    assert known(case, tmp_path).floating_for(TWO) is None


@pytest.mark.parametrize(
    ("order", "entry", "expected"),
    [
        ([ONE, TWO], {}, ONE),
        ([TWO, ONE], {}, TWO),
        ([ONE, TWO], named(TWO, nat_destination=True), TWO),
        ([SHARED_TOO, ONE], {}, ONE),
        ([ONE, PUBLIC], {}, None),
        ([SHARED_TOO], {}, None),
    ],
)
def test_which_of_several_networks_a_floating_ip_leads_to(
    order: list[Item], entry: Item, expected: Item | None, tmp_path: Path
) -> None:
    """The first in their maker's order that can have one; none for who is outside already."""
    every = [PUBLIC, ONE, TWO, SHARED_TOO]
    case = Case(every, None, v4=[ONE, TWO], v6=[SHARED_TOO], routed=out(ONE, TWO), entry=entry)
    assert known(case, tmp_path).leads_outside([n["id"] for n in order]) == expected


def test_a_network_that_neutron_is_to_make_gets_one_from_the_default(tmp_path: Path) -> None:
    found = known(Case([PUBLIC, DEFAULT], None), tmp_path)
    assert found.floating_for(None, allocated=True) == DEFAULT
    found = known(Case([PUBLIC], None), tmp_path)
    assert found.floating_for(None, allocated=True) is None
    found = known(Case([PUBLIC, DEFAULT], None, entry={"private": True}), tmp_path)
    assert found.floating_for(None, allocated=True) is None


def test_an_administrator_sees_the_same_as_a_user(tmp_path: Path) -> None:
    provider = {"provider:physical_network": "physnet1", "provider:network_type": "flat"}
    case = Case([PUBLIC, ONE | provider], "one", v4=[ONE], routed=out(ONE))
    given = known(case, tmp_path).for_server()
    assert given is not None
    assert given["name"] == "one"
