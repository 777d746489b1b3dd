"""Odd layouts of networks, and what comes of asking for a server there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import oaktreemodel
from oaktree.democloud import Net

REGIONS = {"modern": "east", "direct": "RegionOne", "kilo": "RegionOne"}
# What addresses begin with.
OUT, OUT_TOO, OUT_6 = "198.18.", "198.19.", "2001:db8:"
A, B, A_6 = "10.1.", "10.2.", "fd00:1:"

PUBLIC = Net("public", "admin", ["198.18.0.0/16", "2001:db8::/48"], external=True)
SECOND = Net("second", "admin", ["198.19.0.0/16"], external=True)
DIRECT = Net("direct", "admin", PUBLIC.cidrs, external=True, shared=True)


def a(*routed_to: str, **values: Any) -> Net:
    return Net("a", **{"cidrs": ["10.1.0.0/24"], "routed_to": routed_to} | values)


def b(*routed_to: str, **values: Any) -> Net:
    return Net("b", **{"cidrs": ["10.2.0.0/24"], "routed_to": routed_to} | values)


def says(name: str, **what: bool) -> dict[str, Any]:
    """What clouds.yaml says of a network."""
    return {"networks": [{"name": name, **what}]}


@dataclass(frozen=True)
class Case:
    """A layout and what comes of it.

    shown: what public_v4, public_v6, private_v4 and interface_ip begin with. floating: the network
    that the floating IP comes from; empty for none. asked: whether Neutron is asked for one, where
    that does not follow. entry: more of the cloud's entry in clouds.yaml; client: of its part for
    all clouds. user: whose entry.
    """

    networks: list[Net]
    shown: tuple[str, str, str, str]
    floating: str = ""
    on: str = "a"
    asked: bool | None = None
    given: dict[str, Any] = field(default_factory=dict)
    entry: dict[str, Any] = field(default_factory=dict)
    client: dict[str, Any] = field(default_factory=dict)
    cloud: str = "modern"


BEHIND_ONE = [PUBLIC, a("public")]
TWO = [PUBLIC, a("public"), b("public")]
TWO_OUTSIDE = [PUBLIC, SECOND, a("public", "second")]
FLOATING_A, FLOATING_B = (OUT, "", A, OUT), (OUT, "", B, OUT)
ONLY_A = ("", "", A, A)

CASES: dict[str, Case] = {
    "one network with a router": Case(BEHIND_ONE, FLOATING_A, "public"),
    "one network with a router, Kilo": Case(BEHIND_ONE, FLOATING_A, "public", cloud="kilo"),
    "a network without a router": Case([PUBLIC, a()], ONLY_A),
    "a network without a router, Kilo": Case([PUBLIC, a()], ONLY_A, cloud="kilo"),
    "a network in a cloud without routers": Case([a()], ONLY_A, cloud="direct"),
    "two networks, one named": Case(
        TWO, FLOATING_B, "public", on="b", given={"nics": [{"network": "b"}]}
    ),
    "two networks, both named": Case(
        TWO, FLOATING_A, "public", on="a b", given={"nics": [{"network": "a"}, {"network": "b"}]}
    ),
    "two networks, one with a router": Case(
        [PUBLIC, a(), b("public")], FLOATING_B, "public", on="b"
    ),
    "IPv6 only": Case([PUBLIC, a("public", cidrs=["fd00:1::/64"])], ("", A_6, "", A_6)),
    "IPv6 only, Kilo": Case(
        [PUBLIC, a("public", cidrs=["fd00:1::/64"])], ("", A_6, "", A_6), cloud="kilo"
    ),
    "both versions": Case(
        [PUBLIC, a("public", cidrs=["10.1.0.0/24", "fd00:1::/64"])], (OUT, A_6, A, OUT), "public"
    ),
    "both versions, a fixed IPv6 address": Case(
        [PUBLIC, a("public", cidrs=["10.1.0.0/24", "fd00:1::/64"])],
        ("", A_6, "", A_6),
        given={"nics": [{"network": "a", "fixed_ip": "fd00:1::5"}]},
        asked=False,
    ),
    "several external networks, one named": Case(
        TWO_OUTSIDE, (OUT_TOO, "", A, OUT_TOO), "second", given={"floating_network": "second"}
    ),
    "several external networks, one routed to": Case(
        [PUBLIC, SECOND, a("second")], (OUT_TOO, "", A, OUT_TOO), "second"
    ),
    "several external networks, one the default": Case(
        [
            PUBLIC,
            Net("second", "admin", SECOND.cidrs, external=True, is_default=True),
            a("public", "second"),
        ],
        (OUT_TOO, "", A, OUT_TOO),
        "second",
    ),
    "several external networks, one for NAT": Case(
        TWO_OUTSIDE,
        (OUT_TOO, "", A, OUT_TOO),
        "second",
        entry=says("second", nat_source=True, routes_externally=True),
    ),
    "shared by another project": Case(
        [PUBLIC, a("public", project="other", shared=True)], FLOATING_A, "public"
    ),
    "shared by another project, with no router": Case(
        [PUBLIC, a(project="other", shared=True)], ONLY_A, asked=True
    ),
    "shared by another project, which router is not known": Case(
        [PUBLIC, SECOND, a("public", project="other", shared=True)], ONLY_A
    ),
    "its own before a shared one": Case(
        [PUBLIC, a("public"), b("public", project="other", shared=True)], FLOATING_A, "public"
    ),
    "others' networks, as an administrator": Case(
        [PUBLIC, a("public", project="admin"), b("public")],
        FLOATING_A,
        "public",
        cloud="modern-admin",
    ),
    "a shared external network": Case([DIRECT], (OUT, OUT_6, "", OUT), on="direct"),
    "a shared external network, in a cloud without routers": Case(
        [DIRECT], (OUT, OUT_6, "", OUT), on="direct", cloud="direct"
    ),
    "an external network, named": Case(
        [DIRECT, a("direct")],
        (OUT, OUT_6, "", OUT),
        on="direct",
        given={"nics": [{"network": "direct"}]},
    ),
    "one that Neutron makes": Case(
        [Net("public", "admin", PUBLIC.cidrs, external=True, is_default=True)],
        FLOATING_A,
        "public",
        on="auto_allocated_network",
    ),
    "no floating IP wanted": Case(BEHIND_ONE, ONLY_A, given={"auto_ip": False}),
    "default_interface": Case(
        TWO, FLOATING_B, "public", on="b", entry=says("b", default_interface=True)
    ),
    "default_interface, on two": Case(
        TWO,
        (OUT, "", A, B),
        "public",
        on="a b",
        given={"nics": [{"network": "a"}, {"network": "b"}]},
        entry=says("b", default_interface=True),
    ),
    "nat_destination": Case(
        TWO, FLOATING_B, "public", on="b", entry=says("b", nat_destination=True)
    ),
    "two networks, both named, the other way round": Case(
        TWO, FLOATING_B, "public", on="a b", given={"nics": [{"network": "b"}, {"network": "a"}]}
    ),
    "nat_destination, on two": Case(
        TWO,
        FLOATING_B,
        "public",
        on="a b",
        given={"nics": [{"network": "a"}, {"network": "b"}]},
        entry=says("b", nat_destination=True),
    ),
    "one that clouds.yaml calls external is not chosen": Case(
        TWO, FLOATING_A, "public", entry=says("b", routes_externally=True)
    ),
    "one that clouds.yaml calls external, named": Case(
        TWO,
        (B, "", "", B),
        on="b",
        given={"nics": [{"network": "b"}]},
        entry=says("b", routes_externally=True),
    ),
    "one that clouds.yaml calls internal": Case(
        [DIRECT],
        ("", OUT_6, OUT, OUT_6),
        on="direct",
        cloud="direct",
        entry=says("direct", routes_externally=False),
    ),
    "use_external_network": Case(BEHIND_ONE, ONLY_A, entry={"use_external_network": False}),
    "use_internal_network": Case(
        BEHIND_ONE, (OUT, "", "", OUT), "public", entry={"use_internal_network": False}
    ),
    "private": Case(BEHIND_ONE, ONLY_A, entry={"private": True}),
    "force_ipv4": Case(
        [PUBLIC, a(cidrs=["10.1.0.0/24", "fd00:1::/64"])],
        ("", "", A, A),
        client={"force_ipv4": True},
    ),
    "floating_ip_source": Case(BEHIND_ONE, ONLY_A, entry={"floating_ip_source": "None"}),
}


@dataclass(frozen=True)
class Refusal:
    """A layout that needs a word from the caller, or from somebody who makes a network."""

    networks: list[Net]
    error: type[oaktreemodel.OaktreeError]
    reason: str
    named: tuple[str, ...]
    given: dict[str, Any] = field(default_factory=dict)
    entry: dict[str, Any] = field(default_factory=dict)
    cloud: str = "modern"


CHOICE: tuple[Any, str] = (oaktreemodel.InvalidArgument, "CHOICE_NEEDED")
NOTHING: tuple[Any, str] = (oaktreemodel.Failed, "NOT_OFFERED")
REFUSALS: dict[str, Refusal] = {
    "two networks": Refusal(TWO, *CHOICE, ("nics", "a (", "b (")),
    "two networks, Kilo": Refusal(TWO, *CHOICE, ("nics", "a (", "b ("), cloud="kilo"),
    "two networks in a cloud without routers": Refusal(
        [a(), b()], *CHOICE, ("nics", "a (", "b ("), cloud="direct"
    ),
    "two shared ones": Refusal(
        [PUBLIC, a(project="other", shared=True), b(project="other", shared=True)],
        *CHOICE,
        ("nics", "a (", "b ("),
    ),
    "two external ones that are shared": Refusal(
        [DIRECT, Net("second", "admin", SECOND.cidrs, external=True, shared=True)],
        *CHOICE,
        ("nics", "direct (", "second ("),
        cloud="direct",
    ),
    "several external networks": Refusal(
        TWO_OUTSIDE, *CHOICE, ("floating_network", "public (", "second (")
    ),
    "no network": Refusal([], *NOTHING, ("no network", "No default router:external network")),
    "no network, Kilo": Refusal([], *NOTHING, ("no network",), cloud="kilo"),
    "no network in a cloud without routers": Refusal([], *NOTHING, ("no network",), cloud="direct"),
    "no network but an external one of others": Refusal([PUBLIC], *NOTHING, ("no network",)),
    "no network with a subnet": Refusal([a(cidrs=[])], *NOTHING, ("no network",)),
    "no network but those of others, as an administrator": Refusal(
        TWO, *NOTHING, ("no network",), cloud="modern-admin"
    ),
    "no external network may be used": Refusal(
        [DIRECT], *NOTHING, ("no network",), entry={"use_external_network": False}
    ),
    "a floating IP where no router leads": Refusal(
        [PUBLIC, a()], *NOTHING, ("auto_ip",), given={"auto_ip": True}
    ),
    "a floating IP where there are none": Refusal(
        [DIRECT], *NOTHING, ("auto_ip",), given={"auto_ip": True}, cloud="direct"
    ),
}
