"""What peers may do before anybody knows who calls: how much at a time, and how often in vain."""

from __future__ import annotations

import contextlib
import ipaddress
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from urllib.parse import unquote

import grpc

from oaktree.errors import Refused, rate_limited

KEPT = 10_000
# How many questions of one peer's may be under way: many good clients may start at once.
ASKING = 100


class UnderWay:
    """How much of something each peer has under way."""

    def __init__(self, most: int, refusal: str, most_of_all: float = math.inf) -> None:
        """`most` is one peer's, `most_of_all` that of all together."""
        self._most = most
        self._most_of_all = most_of_all
        self._refusal = refusal
        self._counts: Counter[str] = Counter()

    @contextlib.contextmanager
    def one_more(self, name: str) -> Iterator[None]:
        """Of a peer by its `name_of`. RESOURCE_EXHAUSTED, at once, if there is no room."""
        if self._counts[name] >= self._most or self._counts.total() >= self._most_of_all:
            raise rate_limited(self._refusal, 1.0)
        self._counts[name] += 1
        try:
            yield
        finally:
            self._counts[name] -= 1
            if not self._counts[name]:
                del self._counts[name]


class Peers:
    """Buckets of wrong tokens, one a peer, that fill up again in a minute. Those of the peers that
    were heard of last are kept."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._asking = UnderWay(ASKING, "too many tokens of this address are being looked at; wait")

    @contextlib.contextmanager
    def asking(self, peer: str) -> Iterator[None]:
        """What is done to find out who a peer is; it counts if that is nobody.
        RESOURCE_EXHAUSTED, at once, if it was nobody too often."""
        name = name_of(peer)
        level = self._level(name)
        if level < 1:
            raise rate_limited(
                "too many wrong tokens came from this address; wait", (1 - level) / self._rate
            )
        with self._asking.one_more(name):
            try:
                yield
            except Refused as refused:
                if refused.code == grpc.StatusCode.UNAUTHENTICATED:
                    self._wrong(name)
                raise

    def _wrong(self, name: str) -> None:
        # Below nothing, by those that were asked about at the same time: else so many would be let
        # in whenever there is room for one.
        self._buckets[name] = (self._level(name) - 1, self._clock())
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
