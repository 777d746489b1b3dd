"""What a region's networks are for: which lead outside, which a server gets, where floating IPs
come from.

openstacksdk has an answer to this, which knows only what the configuration names and else takes
what is listed last. The rules here are those of the configuration first, then of what is there:
networks inside, with a subnet, and a router where floating IPs exist; the project's own before
shared ones. More than one left is a question to the caller, not a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from oaktreemodel.v1.error_pb2 import Reason

from oaktree.errors import Refused, choice_needed, failed, listed
from oaktree.place import Place
from oaktree.reader import next_query
from oaktree.row import Item
from oaktree.writes import check

# Networks are made seldom; servers are listed often.
KEPT_SECONDS = 60.0
# More than this is no list of a project's networks, but one that leads back to itself.
PAGES = 1000
# An address of 50 ids is within what every service takes.
IDS = 50
# Neutron makes a network, a subnet and a router for a project that has none.
ALLOCATES = "auto-allocated-topology"


@dataclass
class Settings:
    """What a cloud's entry in clouds.yaml says of its networks."""

    external: set[str] = field(default_factory=set)
    internal: set[str] = field(default_factory=set)
    default_interface: str = ""
    nat_source: str = ""
    nat_destination: str = ""
    use_external: bool = True
    use_internal: bool = True
    private: bool = False
    force_ipv4: bool = False
    floating_ip_source: str = "neutron"

    @staticmethod
    def of(place: Place) -> Settings:
        config = place.config
        source = config.config.get("floating_ip_source", "neutron")
        return Settings(
            external=set(config.get_external_ipv4_networks()),
            internal=set(config.get_internal_ipv4_networks()),
            default_interface=config.get_default_network() or "",
            nat_source=config.get_nat_source() or "",
            nat_destination=config.get_nat_destination() or "",
            use_external=config.config.get("use_external_network", True),
            use_internal=config.config.get("use_internal_network", True),
            private=config.config.get("private", False),
            force_ipv4=bool(getattr(config, "force_ipv4", False)),
            floating_ip_source=str(source or "none").lower(),
        )


@dataclass
class Networks:
    """A region's networks as one project sees them, read at one time."""

    settings: Settings
    project: str
    # False in a region whose catalog has no network service.
    present: bool = False
    has_routers: bool = False
    extensions: list[str] = field(default_factory=list)
    networks: list[Item] = field(default_factory=list)
    subnets: list[Item] = field(default_factory=list)
    # For each network inside, those outside that a router leads to.
    routed: dict[str, set[str]] = field(default_factory=dict)

    def _is(self, network: Item, name: str) -> bool:
        return bool(name) and name in (network["name"], network["id"])

    def is_external(self, network: Item) -> bool:
        names = {network["name"], network["id"]}
        if names & self.settings.external:
            return True
        return bool(network.get("router:external")) and not names & self.settings.internal

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(network["name"] for network in self.networks)

    @cached_property
    def _by_id(self) -> dict[str, Item]:
        return {network["id"]: network for network in self.networks}

    def knows(self, network_ids: Iterable[str]) -> bool:
        return self._by_id.keys() >= set(network_ids)

    @cached_property
    def inside(self) -> list[str]:
        """The names of those that do not lead outside, in the cloud's order."""
        return [n["name"] for n in self.networks if not self.is_external(n)]

    @cached_property
    def external(self) -> list[Item]:
        found = filter(self.is_external, self.networks)
        return sorted(found, key=lambda n: (n["name"], n["id"]))

    @cached_property
    def internal(self) -> list[Item]:
        """Those a server can be put on without leading outside."""
        found = [n for n in self.networks if not self.is_external(n) and self.versions(n)]
        return sorted(found, key=lambda n: (n["name"], n["id"]))

    @cached_property
    def _versions(self) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for subnet in self.subnets:
            found.setdefault(subnet["network_id"], set()).add(subnet["ip_version"])
        return found

    def versions(self, network: Item) -> set[int]:
        """The versions of the Internet Protocol that a network's subnets are of."""
        return self._versions.get(network["id"], set())

    @property
    def has_floating_ips(self) -> bool:
        return self.has_routers and self.settings.floating_ip_source == "neutron"

    @property
    def keeps_descriptions(self) -> bool:
        return "standard-attr-description" in self.extensions

    def floating(self, reach_from: str = "") -> list[Item]:
        """The networks that floating IPs may come from: of those outside, the ones that a router
        leads to from a network inside, where one is given."""
        if not self.has_floating_ips:
            return []
        if self.settings.nat_source:
            return [n for n in self.networks if self._is(n, self.settings.nat_source)]
        # What the configuration only calls external may be reached without a router.
        found = [n for n in self.external if n.get("router:external")]
        if reach_from:
            found = [n for n in found if n["id"] in self.routed.get(reach_from, set())]
        return found

    def own_first(self, networks: list[Item]) -> list[Item]:
        """The project's own, if there are any; else those that others share. An administrator is
        shown the rest as well."""
        own = [n for n in networks if self._is_own(n)]
        return own or [n for n in networks if n.get("shared")]

    def _is_own(self, network: Item) -> bool:
        owner = network.get("project_id") or network.get("tenant_id") or ""
        return owner in ("", self.project)

    def for_server(self) -> Item | None:
        """The network that a server gets when its maker names none; None where only Nova can say.

        INVALID_ARGUMENT with the choices where there are several; FAILED_PRECONDITION where there
        is none.
        """
        for name in (self.settings.default_interface, self.settings.nat_destination):
            for network in self.networks:
                if self._is(network, name):
                    return network
        candidates = self.own_first(
            [n for n in self.internal if not self.has_floating_ips or self.floating(n["id"])]
        )
        if not candidates:
            # Nobody's router leads out of these: a server there is at least a server.
            candidates = self.own_first(self.internal)
        if not candidates and self.settings.use_external:
            candidates = [n for n in self.external if n.get("shared") and self.versions(n)]
        if len(candidates) > 1:
            raise choice_needed("nics", f"name a network: {described(candidates)}")
        return candidates[0] if candidates else None

    def _sources(self, network: Item) -> list[Item]:
        """The networks that a floating IP for a server on this one may come from."""
        if self.is_external(network) or 4 not in self.versions(network):
            return []
        found = self.floating(network["id"])
        if found or not (self.settings.nat_source or not self._is_own(network)):
            return found
        # Other projects' routers do not show. Whether one leads outside, Neutron says when it is
        # asked for the floating IP: so it is not worth a question to the caller.
        found = self.floating()
        return found if len(found) == 1 else [n for n in found if n.get("is_default")][:1]

    def leads_outside(self, network_ids: Iterable[str]) -> Item | None:
        """Of the networks that a server is on, in its maker's order, the one that its floating IP
        is to lead to."""
        networks = [self._by_id[one] for one in network_ids if one in self._by_id]
        # One that is outside does already what a floating IP is for.
        if any(map(self.is_external, networks)):
            return None
        destination = self.settings.nat_destination
        first = sorted(networks, key=lambda n: not self._is(n, destination))
        return next(filter(self._sources, first), None)

    def floating_for(self, network: Item | None, *, allocated: bool = False) -> Item | None:
        """The network that a floating IP for a server on this one comes from; None where it needs
        none, or can have none. `allocated`: on a network that Neutron is yet to make, behind a
        router to the default one outside."""
        if not self.settings.use_external or self.settings.private:
            return None
        found = self._sources(network) if network is not None else []
        if allocated:
            found = [n for n in self.floating() if n.get("is_default")][:1]
        if len(found) > 1:
            default = [n for n in found if n.get("is_default")]
            found = default if len(default) == 1 else found
        if len(found) > 1:
            raise choice_needed("floating_network", f"name an external network: {described(found)}")
        return found[0] if found else None


def described(networks: list[Item]) -> str:
    """Networks as choices in a message."""
    return listed(f"{network['name']} ({network['id']})" for network in networks)


def read(place: Place, *, seconds: float = KEPT_SECONDS) -> Networks:
    """A region's networks, at most so many seconds old. Runs in a thread."""
    return place.kept("networks", seconds, lambda: _read(place))


def _read(place: Place) -> Networks:
    found = Networks(Settings.of(place), place.project.id)
    if not place.has_service("network"):
        return found
    adapter = place.service("network")

    def get(path: str, key: str, wanted: Mapping[str, Any] | None = None) -> list[Any]:
        items: list[Any] = []
        query: Mapping[str, Any] | None = wanted
        for _ in range(PAGES):
            answer = check(adapter.get(path, params=query)).json()
            items += answer[key]
            query = next_query(answer, key)
            if query is None:
                break
        return items

    found.present = True
    found.networks = get("/networks", "networks")
    found.subnets = get("/subnets", "subnets")
    found.extensions = sorted(entry["alias"] for entry in get("/extensions", "extensions"))
    found.has_routers = "router" in found.extensions
    if found.has_routers:
        gateways = {
            router["id"]: router["external_gateway_info"]["network_id"]
            for router in get("/routers", "routers")
            if router.get("external_gateway_info")
        }
        routers = sorted(gateways)
        for start in range(0, len(routers), IDS):
            # Of these alone: a project has as many ports as servers, and more.
            wanted = {"device_id": routers[start : start + IDS]}
            for port in get("/ports", "ports", wanted):
                # Also router_interface_distributed and its likes.
                outside = gateways.get(port["device_id"])
                if outside and port["device_owner"] != "network:router_gateway":
                    found.routed.setdefault(port["network_id"], set()).add(outside)
    return found


def ports_of(place: Place, server_id: str) -> list[Item]:
    """The ports of a server; checked again, as a service that ignores the filter would show any."""
    answer = check(place.service("network").get("/ports", params={"device_id": server_id})).json()
    return [port for port in answer["ports"] if port["device_id"] == server_id]


def has_v4(port: Item) -> bool:
    """Whether a floating IP can lead to a port."""
    return any("." in ip["ip_address"] for ip in port["fixed_ips"])


def floating_ips_at(place: Place, port: Item) -> list[Item]:
    """The floating IPs that lead to a port; checked again likewise."""
    answer = check(place.service("network").get("/floatingips", params={"port_id": port["id"]}))
    return [one for one in answer.json()["floatingips"] if one["port_id"] == port["id"]]


def check_allocation(place: Place, known: Networks) -> None:
    """FAILED_PRECONDITION where Neutron would make no network for a server that has none."""
    if ALLOCATES not in known.extensions:
        raise network_needed()
    path = f"/{ALLOCATES}/{known.project}"
    answer = place.service("network").get(path, params={"fields": "dry-run"})
    if answer.status_code == 409:
        raise network_needed(answer.json()["NeutronError"]["message"])
    check(answer)


def network_needed(why: str = "") -> Refused:
    return failed(
        Reason.REASON_NOT_OFFERED,
        "there is no network that a server could be put on; make one, with a subnet, or name one "
        "in nics" + (f" ({why})" if why else ""),
    )
