"""One figure, beside what it is compared with and what it should be."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """A measured value. `peer` is the same of something else in the same run; the goal is of the
    ratio to it where there is one, else of the value itself."""

    name: str
    value: float
    unit: str
    peer: float | None = None
    goal: float | None = None
    # Whether the goal is the most it may be, or the least.
    at_most: bool = False
    # Of values that were measured in turns, the median of each one's to its neighbour.
    median_ratio: float | None = None

    @classmethod
    def paired(
        cls,
        name: str,
        pairs: Sequence[tuple[float, float]],
        unit: str,
        *,
        goal: float | None = None,
        at_most: bool = False,
    ) -> Result:
        """Of a value and its peer's, measured in turns."""
        value, peer = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(one / other for one, other in pairs)
        return cls(name, value, unit, peer, goal, at_most, ratio)

    @property
    def ratio(self) -> float | None:
        if self.median_ratio is not None:
            return self.median_ratio
        return self.value / self.peer if self.peer else None

    @property
    def holds(self) -> bool | None:
        """None where there is no goal."""
        if self.goal is None:
            return None
        judged = self.value if self.ratio is None else self.ratio
        return judged <= self.goal if self.at_most else judged >= self.goal

    def row(self) -> dict[str, object]:
        return {
            "name": self.name,
            "value": round(self.value, 3),
            "unit": self.unit,
            "peer": None if self.peer is None else round(self.peer, 3),
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "goal": self.goal,
            "holds": self.holds,
        }

    def line(self) -> str:
        said = f"{self.name}: {self.value:.3g} {self.unit}"
        if self.peer is not None:
            said += f", peer {self.peer:.3g} {self.unit}, ratio {self.ratio:.3g}"
        if self.goal is not None:
            bound = "at most" if self.at_most else "at least"
            said += f", goal {bound} {self.goal:g}: {'holds' if self.holds else 'MISSED'}"
        return said


@dataclass(frozen=True)
class Skipped:
    """What is not measured here, and why not."""

    name: str
    why: str

    def row(self) -> dict[str, object]:
        return {"name": self.name, "skipped": self.why}

    def line(self) -> str:
        return f"{self.name}: skipped: {self.why}"
