"""The callers of a deployer's oaktree: those that called of late, as many as there is room for."""

from __future__ import annotations

import copy
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from oaktreemodel.v1.location_pb2 import Project
from openstack.config.cloud_region import CloudRegion

from oaktree.brought import BroughtTokens, Token
from oaktree.budget import Budget
from oaktree.caller import Caller
from oaktree.clouds import Clouds, Entry, default_region
from oaktree.deployment import DeployedCloud, Limits
from oaktree.errors import rate_limited
from oaktree.gate import Pass
from oaktree.identity import Known
from oaktree.place import Place

# After so long without a call, the connections to the cloud are closed.
QUIET_SECONDS = 60.0
# How many addresses of services are remembered; some hold a project's id.
DISCOVERED = 10_000


@dataclass(eq=False)
class Kept:
    """A caller, and the tokens it brought."""

    identity: str
    user: str
    caller: Caller
    tokens: BroughtTokens
    places: Collection[Place]
    passes: set[Pass] = field(default_factory=set)
    # When it last called, on the monotonic clock.
    called: float = field(default_factory=time.monotonic)
    is_quiet: bool = False

    @property
    def is_busy(self) -> bool:
        return self.caller.calls > 0 or self.caller.once.is_busy


class Callers:
    def __init__(
        self,
        clouds: Mapping[str, DeployedCloud],
        limits: Limits,
        let_go: Callable[[Pass], None],
    ) -> None:
        """`let_go` is called with every pass of a caller that is kept no longer."""
        self._clouds = clouds
        self._pass_let_go = let_go
        self._limits = limits
        # Those that called last are at the end.
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        # What services say of their versions, by address: the same for all, and nobody's secret.
        self._discovered: dict[str, Any] = {}

    def all(self) -> list[Caller]:
        return [kept.caller for kept in self._kept.values()]

    def of(self, known: Known, cloud: str) -> Kept:
        """The caller that brought a token, which is a new one if it is not kept. RESOURCE_EXHAUSTED
        if there is no room: all that are kept are in the middle of something."""
        kept = self._kept.get(known.identity)
        if kept is None:
            self._make_room(known.user)
            kept = self._kept[known.identity] = self._make(known, cloud)
        self._kept.move_to_end(known.identity)
        return kept

    def touch(self, kept: Kept) -> None:
        kept.called = time.monotonic()
        kept.is_quiet = False
        self._kept.move_to_end(kept.identity)

    def has_let_go(self, kept: Kept) -> bool:
        return self._kept.get(kept.identity) is not kept

    def tidy(self) -> None:
        """Lets go of what nobody has asked for in a while."""
        now = time.monotonic()
        for kept in list(self._kept.values()):
            idle = now - kept.called
            if idle < QUIET_SECONDS:
                break
            if kept.is_busy:
                continue
            if idle >= self._limits.idle_seconds:
                self._let_go(kept)
            elif not kept.is_quiet:
                kept.is_quiet = True
                for place in kept.places:
                    place.hang_up()

    def _make_room(self, user: str) -> None:
        """For one caller more of a user, who has room for so many himself: each of his application
        credentials is one."""
        others = [kept for kept in self._kept.values() if kept.user == user]
        if len(others) >= self._limits.callers_per_user:
            self._let_go_of_one(others, f"{len(others)} callers of this user")
        if len(self._kept) >= self._limits.callers:
            self._let_go_of_one(self._kept.values(), f"{self._limits.callers} callers")

    def _let_go_of_one(self, some: Iterable[Kept], many: str) -> None:
        oldest = next((kept for kept in some if not kept.is_busy), None)
        if oldest is None:
            raise rate_limited(f"{many} are being served, and there is no room for more", 5.0)
        self._let_go(oldest)

    def _let_go(self, kept: Kept) -> None:
        del self._kept[kept.identity]
        for one in tuple(kept.passes):
            self._pass_let_go(one)
        kept.caller.pollers.close()
        kept.caller.clouds.close()

    def _make(self, known: Known, cloud: str) -> Kept:
        deployed = self._clouds[cloud]
        tokens = BroughtTokens(deployed.auth_url)
        budget = Budget(deployed.rate)
        places = {
            name: Place(cloud, name, self._shown(region, tokens), budget, project_of(known.token))
            for name, region in deployed.regions.items()
        }
        region = default_region(places, deployed.region_name)
        clouds = Clouds({cloud: Entry(places, region, deployed.profile)})
        caller = Caller(clouds, self._limits.streams_per_caller)
        return Kept(known.identity, known.user, caller, tokens, places.values())

    def _shown(self, region: CloudRegion, tokens: BroughtTokens) -> CloudRegion:
        """A region as the caller sees it who brought the tokens."""
        if len(self._discovered) > DISCOVERED:
            self._discovered.clear()
        seen = copy.copy(region)
        seen.config = copy.deepcopy(region.config)
        seen._auth = tokens
        seen._keystone_session = None
        seen._discovery_cache = self._discovered
        return seen


def project_of(token: Token) -> Project:
    """The project that a token is for."""
    found = token.access
    return Project(
        id=found.project_id or "",
        name=found.project_name or "",
        domain_id=found.project_domain_id or "",
        domain_name=found.project_domain_name or "",
    )
