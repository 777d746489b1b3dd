"""Nobody is told what is another's: users of several projects call one oaktree in every way there
is, with the same names, ids and request ids, while their tokens end, are renewed and revoked and
the oaktree is started anew.

`OAKTREE_SEED` repeats a run's dice; the order in which calls come is not theirs. `OAKTREE_CALLS` is
how many there are; a long run has 100000.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from oaktree.callers import Callers, Kept
from oaktree.democloud import DemoCloud
from oaktree.identity import Identity, Known
from oaktree.listing import Listing, Listings
from oaktree.once import Once

from .deployed import Deployed
from .load import Load
from .tenants import CLOUD, tenants

SEED = int(os.environ.get("OAKTREE_SEED", "20270118"))
CALLS = int(os.environ.get("OAKTREE_CALLS", "40000"))
# Within which a leak shows.
ENOUGH = 20_000


@pytest.fixture
def cloud() -> Iterator[DemoCloud]:
    with DemoCloud.start(names=[CLOUD], build_seconds=0.2, delete_seconds=0.1) as clouds:
        yield clouds


@pytest.fixture
def load(cloud: DemoCloud, tmp_path: Path) -> Iterator[Load]:
    running = Deployed(
        cloud, tmp_path, token_check_seconds=5, wrong_tokens_per_peer_per_minute=10**6
    )
    print(f"seed {SEED}")
    yield Load(running, cloud, tenants(cloud), SEED)
    running.stop()


async def test_nobody_is_told_what_is_anothers(load: Load) -> None:
    await load.run(CALLS, restarts=3)
    print(dict(load.codes))
    assert not load.wrong, load.wrong[:5]


# What could be wrong with an oaktree.


def _only(told: Any, *names: str) -> str:
    return str([told["token"].get(name) for name in names])


def _one_caller_for_all(patch: pytest.MonkeyPatch) -> None:
    of = Callers.of

    def careless(self: Callers, known: Known, cloud: str) -> Kept:
        return of(self, replace(known, identity="everybody"), cloud)

    patch.setattr(Callers, "of", careless)


def _roles_and_rules_ignored(patch: pytest.MonkeyPatch) -> None:
    known = Identity._known

    def careless(self: Identity, token: str, told: Any, answer: Any) -> Known:
        found = known(self, token, told, answer)
        return replace(found, identity=_only(told, "user", "project"))

    patch.setattr(Identity, "_known", careless)


def _users_of_a_project_not_told_apart(patch: pytest.MonkeyPatch) -> None:
    known = Identity._known

    def careless(self: Identity, token: str, told: Any, answer: Any) -> Known:
        found = known(self, token, told, answer)
        return replace(found, identity=_only(told, "project", "application_credential"))

    patch.setattr(Identity, "_known", careless)


def _request_ids_of_all_together(patch: pytest.MonkeyPatch) -> None:
    made = Once()
    patch.setattr("oaktree.caller.Once", lambda: made)


def _lists_of_all_together(patch: pytest.MonkeyPatch) -> None:
    of, kept = Listings.of, Listings()

    def careless(self: Listings, place: Any, reader: Any, everybody: bool = False) -> Listing:
        known = {(one[0].region, *one[1:]): one for one in kept._listings}
        return of(kept, known.get((place.region, reader.row.noun, everybody), (place,))[0], reader)

    patch.setattr(Listings, "of", careless)


@pytest.mark.parametrize(
    ("plant", "often"),
    [
        (_one_caller_for_all, Load.list),
        (_roles_and_rules_ignored, Load.list),
        (_users_of_a_project_not_told_apart, Load.list),
        (_request_ids_of_all_together, Load.create),
        (_lists_of_all_together, Load.list),
    ],
)
async def test_a_leak_would_be_found(
    plant: Callable[[pytest.MonkeyPatch], None],
    often: Callable[..., Any],
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load.ways[often] = 30
    await load.run(ENOUGH, plant=partial(plant, monkeypatch))
    print(load.wrong[:3])
    assert load.wrong
