"""Drivers at work: each runs its cases in a thread of its own, since most of a case is waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing

from .case import Case
from .driver import Driver, Language
from .outcome import Failed
from .place import Place
from .run import Run

# For a case that is known to fail, which may mean that nothing ever happens.
SHORT = 5.0


class Lane:
    """One driver and its cases, which it runs in their order."""

    def __init__(
        self,
        language: Language,
        cases: Sequence[Case],
        settle: Callable[[], Place],
        patience: float,
    ) -> None:
        """settle: makes the place to run in. patience: how long a driver may say nothing."""
        self._language = language
        self._settle = settle
        self._patience = patience
        self._cases = cases
        self._outcomes: dict[str, Future[str]] = {case.name: Future() for case in cases}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=language.name)
        self._thread.start()

    def outcome(self, name: str) -> str:
        """What went wrong in a case; empty if nothing. Waits for it.

        Raises Absent if this machine cannot run the driver, or what kept the lane from running.
        """
        return self._outcomes[name].result()

    def stop(self) -> None:
        """End it, after the case that is under way."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with closing(self._settle()) as place:
                self._go_through(place)
        except BaseException as error:
            for outcome in self._outcomes.values():
                if not outcome.done():
                    outcome.set_exception(error)

    def _go_through(self, place: Place) -> None:
        driver = self._language.start(place.environment)
        try:
            for case in self._cases:
                if self._ended.is_set():
                    return
                is_known = case.name in self._language.known_failing
                patience = min(self._patience, SHORT) if is_known else self._patience
                wrong = one(case, driver, place, patience)
                self._outcomes[case.name].set_result(wrong)
                if wrong:
                    # It may be stuck in a call, or be no more.
                    driver.close()
                    driver = self._language.start(place.environment)
        finally:
            driver.close()


def one(case: Case, driver: Driver, place: Place, patience: float) -> str:
    """Run a case. What went wrong; empty if nothing."""
    try:
        Run(case, driver, place, patience).run()
    except Failed as error:
        return str(error)
    return ""


class Lanes:
    """Every driver that takes part."""

    def __init__(self, lanes: Mapping[str, Lane]) -> None:
        self._lanes = lanes

    def outcome(self, language: str, name: str) -> str:
        """As `Lane.outcome`."""
        return self._lanes[language].outcome(name)

    def stop(self) -> None:
        """End them all."""
        for lane in self._lanes.values():
            lane.stop()
