"""Which of a server's addresses is which, from data alone: no address is ever tried.

The order is openstacksdk's, so that people find the addresses they are used to; it differs where
openstacksdk opens connections to choose, and where it asks what the host it runs on can reach.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

from oaktree.networks import Networks
from oaktree.row import Item


@dataclass
class Addresses:
    public_v4: str = ""
    public_v6: str = ""
    private_v4: str = ""
    interface_ip: str = ""


def choose(item: Item, networks: Networks) -> Addresses:
    """The addresses of a server, given as Nova shows it."""
    shown: dict[str, list[Item]] = item.get("addresses") or {}
    found = Addresses(
        public_v4=_public_v4(item, shown, networks),
        public_v6=item.get("accessIPv6") or _first(shown, 6),
        private_v4=_private_v4(shown, networks),
    )
    found.interface_ip = _interface(found, shown, networks)
    return found


def _first(
    shown: dict[str, list[Item]], version: int, network: str = "", kind: str = "", mac: str = ""
) -> str:
    """The first address that fits, floating ones first; empty if there is none."""
    fitting = [
        address
        for name, addresses in shown.items()
        if not network or name == network
        for address in addresses
        if address.get("version") == version
        and (not kind or address.get("OS-EXT-IPS:type") == kind)
        and (not mac or address.get("OS-EXT-IPS-MAC:mac_addr") == mac)
    ]
    fitting.sort(key=lambda address: address.get("OS-EXT-IPS:type") != "floating")
    return str(fitting[0]["addr"]) if fitting else ""


def _public_v4(item: Item, shown: dict[str, list[Item]], networks: Networks) -> str:
    if not networks.settings.use_external:
        return ""
    if item.get("accessIPv4"):
        return str(item["accessIPv4"])
    for network in networks.external:
        address = _first(shown, 4, network["name"])
        if address:
            return address
    return _first(shown, 4, kind="floating") or _first(shown, 4, "public") or _routable(shown)


def _routable(shown: dict[str, list[Item]]) -> str:
    for addresses in shown.values():
        for address in addresses:
            try:
                parsed = ipaddress.ip_address(address.get("addr", ""))
            except ValueError:
                continue
            if parsed.version == 4 and not parsed.is_private:
                return str(parsed)
    return ""


def _private_v4(shown: dict[str, list[Item]], networks: Networks) -> str:
    if not networks.settings.use_internal:
        return ""
    # The address behind the floating IP, where there is one.
    mac = next(
        (
            address.get("OS-EXT-IPS-MAC:mac_addr", "")
            for addresses in shown.values()
            for address in addresses
            if address.get("OS-EXT-IPS:type") == "floating" and address.get("version") == 4
        ),
        "",
    )
    inside = [n["name"] for n in networks.networks if not networks.is_external(n)]
    for kind in ("fixed", ""):
        for name in inside:
            address = _first(shown, 4, name, kind, mac)
            if address:
                return address
    return _first(shown, 4, "private", "fixed", mac) or _first(shown, 4, "private")


def _interface(found: Addresses, shown: dict[str, list[Item]], networks: Networks) -> str:
    settings = networks.settings
    if settings.default_interface:
        for network in networks.networks:
            if settings.default_interface in (network["name"], network["id"]):
                address: Any = _first(shown, 4, network["name"])
                if address:
                    return str(address)
    if settings.private and found.private_v4:
        return found.private_v4
    public_v6 = "" if settings.force_ipv4 else found.public_v6
    return found.public_v4 or public_v6 or found.private_v4
