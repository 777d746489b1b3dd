"""Every case with every driver. The last line is how many passed and how many failed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from . import place
from .driver import Absent, Driver, languages

LANGUAGES = languages()
REAL, PATIENCE = "--real", "--patience"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption(REAL, action="store_true", help="run what a real OpenStack can show, on one")
    seconds = "how long a driver may say nothing (default: %(default)s)"
    group.addoption(PATIENCE, type=float, default=60.0, metavar="SECONDS", help=seconds)
    group.addoption("--language", action="append", help="only this; may be given again")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "driver" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--language") or list(LANGUAGES)
        metafunc.parametrize("driver", chosen, indirect=True, scope="session")


@pytest.fixture(scope="session")
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """A driver, built and running."""
    try:
        running = Driver(LANGUAGES[request.param].built())
    except Absent as error:
        pytest.skip(str(error))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def where(
    request: pytest.FixtureRequest, driver: Driver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[place.Place]:
    """An oaktree for a driver alone, with clouds of its own."""
    folder = tmp_path_factory.mktemp("place")
    if request.config.getoption(REAL):
        try:
            made = place.real(folder)
        except FileNotFoundError as error:
            pytest.exit(str(error), returncode=1)
    else:
        made = place.embedded(folder)
    yield made
    made.close()


def pytest_unconfigure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get("PYTEST_XDIST_WORKER"):
        return
    count = {kind: len(found) for kind, found in reporter.stats.items()}
    failed = count.get("failed", 0) + count.get("error", 0)
    known = f", {count['xfailed']} known to fail" if count.get("xfailed") else ""
    skipped = f", {count['skipped']} skipped" if count.get("skipped") else ""
    print(f"{count.get('passed', 0)} passed, {failed} failed{known}{skipped}")
