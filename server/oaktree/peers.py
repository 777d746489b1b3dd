"""Peers that show wrong tokens: how often each may, before it is told to wait."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import unquote

from oaktree.errors import rate_limited

KEPT = 10_000


class Peers:
    """Buckets of wrong tokens, one a peer, that fill up again in a minute. Those of the peers that
    were heard of last are kept."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, peer: str) -> None:
        """RESOURCE_EXHAUSTED if the peer has shown too many."""
        level = self._level(name_of(peer))
        if level < 1:
            raise rate_limited(
                "too many wrong tokens came from this address; wait", (1 - level) / self._rate
            )

    def wrong(self, peer: str) -> None:
        """The peer has shown one."""
        name = name_of(peer)
        self._buckets[name] = (max(self._level(name) - 1, 0.0), self._clock())
        self._buckets.move_to_end(name)
        while len(self._buckets) > KEPT:
            self._buckets.popitem(last=False)

    @property
    def _rate(self) -> float:
        return self._most / 60

    def _level(self, name: str) -> float:
        level, at = self._buckets.get(name, (self._most, self._clock()))
        return min(self._most, level + (self._clock() - at) * self._rate)


def name_of(peer: str) -> str:
    """Who a peer is, of what gRPC calls it: its address without the port; of IPv6 the network that
    one customer has, since he may use any address in it."""
    kind, _, rest = unquote(peer).partition(":")
    if kind == "ipv6":
        try:
            host = ipaddress.IPv6Address(rest.rpartition(":")[0].strip("[]").partition("%")[0])
        except ValueError:
            return rest
        if host.ipv4_mapped is not None:
            return str(host.ipv4_mapped)
        return str(ipaddress.ip_network((host, 64), strict=False))
    return rest.rpartition(":")[0] if kind == "ipv4" else kind
