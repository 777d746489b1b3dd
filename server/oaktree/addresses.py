"""Which of a server's addresses is which, from data alone: no address is ever tried.

The order is openstacksdk's, so that people find the addresses they are used to; it differs where
openstacksdk opens connections to choose, and where it asks what the host it runs on can reach.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from oaktree.networks import Networks
from oaktree.row import Item


@dataclass
class Addresses:
    public_v4: str = ""
    public_v6: str = ""
    private_v4: str = ""
    interface_ip: str = ""


@dataclass(slots=True)
class _Shown:
    """One address as Nova shows it."""

    network: str
    address: str
    version: int
    kind: str
    mac: str


def by_network(item: Item) -> dict[str, list[Item]]:
    """What Nova shows of each network, less what is no address."""
    shown = item.get("addresses")
    if not isinstance(shown, dict):
        return {}
    return {
        network: [one for one in addresses if isinstance(one, dict)]
        for network, addresses in shown.items()
        if isinstance(addresses, list)
    }


def version(one: Item) -> int:
    """The version of the Internet Protocol that an address is of, by how it is written."""
    return 6 if ":" in str(one.get("addr")) else 4


def choose(item: Item, networks: Networks) -> Addresses:
    """The addresses of a server, given as Nova shows it."""
    shown = [
        _Shown(
            network,
            str(one.get("addr") or ""),
            version(one),
            one.get("OS-EXT-IPS:type") or "",
            one.get("OS-EXT-IPS-MAC:mac_addr") or "",
        )
        for network, addresses in by_network(item).items()
        for one in addresses
    ]
    if len(shown) > 1:
        # Where several fit, a floating one is meant.
        shown.sort(key=lambda one: one.kind != "floating")
    v4 = [one for one in shown if one.version == 4]
    found = Addresses(
        public_v4=_public_v4(item, v4, networks),
        public_v6=_public_v6(item, shown, networks),
        private_v4=_private_v4(v4, networks),
    )
    found.interface_ip = _interface(found, v4, networks)
    return found


def _on(shown: list[_Shown], network: str) -> str:
    """The first address on a network; empty if there is none."""
    for one in shown:
        if one.network == network:
            return one.address
    return ""


def _public_v4(item: Item, v4: list[_Shown], networks: Networks) -> str:
    if not networks.settings.use_external:
        return ""
    if item.get("accessIPv4"):
        return str(item["accessIPv4"])
    for network in networks.external:
        address = _on(v4, network["name"])
        if address:
            return address
    if v4 and v4[0].kind == "floating":
        return v4[0].address
    return _on(v4, "public") or next((s.address for s in v4 if _is_routable(s.address)), "")


def _public_v6(item: Item, shown: list[_Shown], networks: Networks) -> str:
    if networks.settings.force_ipv4:
        return ""
    noted = str(item.get("accessIPv6") or "")
    return noted or next((one.address for one in shown if one.version == 6), "")


def _is_routable(address: str) -> bool:
    # Nearly all there are, and parsing is dear.
    if address.startswith(("10.", "192.168.")):
        return False
    try:
        return not ipaddress.IPv4Address(address).is_private
    except ValueError:
        return False


def _private_v4(v4: list[_Shown], networks: Networks) -> str:
    if not networks.settings.use_internal or not v4:
        return ""
    if v4[0].kind == "floating" and v4[0].mac:
        # The address behind the floating IP.
        v4 = [one for one in v4 if one.mac == v4[0].mac]
    fixed = [one for one in v4 if one.kind == "fixed"]
    # Clouds too old to tell the kinds apart show fixed ones only.
    for candidates in (fixed, v4):
        for network in networks.inside:
            address = _on(candidates, network)
            if address:
                return address
    return _on(fixed, "private") or _on(v4, "private")


def _interface(found: Addresses, v4: list[_Shown], networks: Networks) -> str:
    settings = networks.settings
    if settings.default_interface:
        for network in networks.networks:
            if settings.default_interface in (network["name"], network["id"]):
                address = _on(v4, network["name"])
                if address:
                    return address
    if settings.private and found.private_v4:
        return found.private_v4
    return found.public_v4 or found.public_v6 or found.private_v4
