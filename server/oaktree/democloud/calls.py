"""What was asked of a cloud: how often, how many at once, and how many the client gave up on."""

import re
from collections import Counter
from typing import Any


class Calls:
    def __init__(self) -> None:
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        self.kinds: Counter[str] = Counter()
        # What came past oaktree.
        self.others = 0
        self.most_in_flight = self.in_flight
        self.cut = 0

    def enter(self, agent: str) -> None:
        """`agent` is what the client says of itself."""
        self.others += re.match(r"oaktree\b", agent) is None
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def leave(self) -> None:
        self.in_flight -= 1

    def report(self) -> dict[str, Any]:
        return {
            "kinds": dict(self.kinds),
            "others": self.others,
            "in_flight": self.in_flight,
            "most_in_flight": self.most_in_flight,
            "cut": self.cut,
        }
