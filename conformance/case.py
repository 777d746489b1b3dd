"""Cases, as they stand in cases/*.yaml; README.rst says what may stand there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import api, expect

FOLDER = Path(__file__).resolve().parent / "cases"

# What may be said of how a call went.
OUTCOME = {"result", "items", "has", "lacks", "count", "told", "error", "refused", "keep"}
# Each kind of step by the key that begins it, with what else it may hold.
STEPS: dict[str, set[str]] = {
    "call": {"at", "request", "timeout", "take", "states", "failures", "times", "requests"}
    | {"start", "settles", "source", "target", "progress"}
    | OUTCOME,
    "hear": {"item"},
    "ended": OUTCOME,
    "script": set(),
    "saw": set(),
    "demo": {"keep"},
    "traffic": set(),
    "oaktree": set(),
    "client": set(),
    "connect": {"refused"},
    "environment": set(),
    "file": {"holds", "joins", "bytes", "seed", "link", "mode", "age"},
    "found": set(),
    "pause": set(),
}


@dataclass(frozen=True)
class Case:
    """A case: steps that follow one another.

    scripted: the oaktree is one that answers by script. deployed: it is a deployer's, not one's
    own. real: a real cloud can show it, too.
    names: what stands for ${each...}, of one of several cases that have their steps in common.
    """

    name: str
    steps: list[dict[str, Any]]
    scripted: bool = False
    deployed: bool = False
    real: bool = False
    names: expect.Names = field(default_factory=dict)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Its steps that are calls of rpcs, with what is known of them before it is run."""
        known = [self.known(step) for step in self.steps if "call" in step]
        return [step for step in known if step["call"] not in api.DIRECTORIES]

    def known(self, value: Any) -> Any:
        """A part of a step, with what stands for ${each...}."""
        return expect.fill(value, self.names, lenient=True)


def load(path: Path) -> list[Case]:
    """The cases of a file. ValueError, naming the case, for one that cannot be understood."""
    cases = []
    for given in expect.load(path.read_text()):
        title = f"{path.stem}/{_slug(given.pop('case'))}"
        rows = given.pop("each", [None])
        for row in rows:
            try:
                cases.append(_case(title, row, given))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{title}: {error!r}") from error
    return cases


def _slug(words: str) -> str:
    """As it can stand on a command line."""
    return re.sub(r"[^\w.]+", "-", words).strip("-")


def _case(title: str, row: dict[str, Any] | None, given: dict[str, Any]) -> Case:
    if row is None:
        case = Case(title, **given)
    else:
        case = Case(f"{title}-{_slug(next(iter(row.values())))}", names={"each": row}, **given)
    for step in case.steps:
        _check(step, case.names)
    return case


def _check(step: dict[str, Any], names: expect.Names) -> None:
    kind = next(iter(step))
    if kind not in STEPS:
        raise ValueError(f"a step begins with one of {', '.join(STEPS)}, not {kind}")
    if unknown := step.keys() - STEPS[kind] - {kind}:
        raise ValueError(f"a {kind} has no {', '.join(sorted(unknown))}")
    if kind == "call" and (call := expect.fill(step["call"], names)) not in api.DIRECTORIES:
        api.rpc(call)


def load_all() -> list[Case]:
    """Every case there is."""
    return [case for path in sorted(FOLDER.glob("*.yaml")) for case in load(path)]
