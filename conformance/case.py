"""Cases, as they stand in cases/*.yaml; README.rst says what may stand there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import api, expect

FOLDER = Path(__file__).resolve().parent / "cases"

# What may be said of how a call went.
OUTCOME = {"result", "items", "has", "lacks", "count", "told", "error", "keep"}
# Each kind of step by the key that begins it, with what else it may hold.
STEPS: dict[str, set[str]] = {
    "call": {"at", "request", "timeout", "take", "states", "failures", "times", "requests"}
    | {"start"}
    | OUTCOME,
    "hear": {"item"},
    "ended": OUTCOME,
    "script": set(),
    "saw": set(),
    "demo": {"keep"},
    "traffic": set(),
    "oaktree": set(),
    "close": set(),
}


@dataclass(frozen=True)
class Case:
    """A case: steps that follow one another.

    scripted: the oaktree is one that answers by script. real: a real cloud can show it, too.
    """

    name: str
    steps: list[dict[str, Any]]
    scripted: bool = False
    real: bool = False
    names: dict[str, Any] = field(default_factory=dict)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Its steps that are calls."""
        return [step for step in self.steps if "call" in step]


def load(path: Path) -> list[Case]:
    """The cases of a file. ValueError, naming the case, for one that cannot be understood."""
    cases = []
    for given in expect.load(path.read_text()):
        name = f"{path.stem}/{given.pop('case').replace(' ', '-')}"
        try:
            case = Case(name, **given)
            for step in case.steps:
                _check(step)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{name}: {error}") from error
        cases.append(case)
    return cases


def _check(step: dict[str, Any]) -> None:
    kind = next(iter(step))
    if kind not in STEPS:
        raise ValueError(f"a step begins with one of {', '.join(STEPS)}, not {kind}")
    if unknown := step.keys() - STEPS[kind] - {kind}:
        raise ValueError(f"a {kind} has no {', '.join(sorted(unknown))}")
    if kind == "call":
        api.rpc(step["call"])


def load_all() -> list[Case]:
    """Every case there is."""
    return [case for path in sorted(FOLDER.glob("*.yaml")) for case in load(path)]
