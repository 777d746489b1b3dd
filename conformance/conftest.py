"""Every case with every driver. The last line is how many passed and how many failed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from . import place
from .case import Case
from .driver import languages
from .lane import Lane, Lanes

LANGUAGES = languages()
REAL, PATIENCE, LANGUAGE = "--real", "--patience", "--language"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption(REAL, action="store_true", help="run what a real OpenStack can show, on one")
    seconds = "how long a driver may say nothing (default: %(default)s)"
    group.addoption(PATIENCE, type=float, default=60.0, metavar="SECONDS", help=seconds)
    group.addoption(LANGUAGE, action="append", help="only this; may be given again")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "language" in metafunc.fixturenames:
        chosen = metafunc.config.getoption(LANGUAGE) or list(LANGUAGES)
        metafunc.parametrize("language", chosen)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts first what can be done while the cases run; leaves out what a real cloud cannot show."""
    items.sort(key=lambda item: "test_planted" not in item.nodeid)
    if not config.getoption(REAL):
        return
    left_out = [item for item in items if not getattr(_case_of(item), "real", True)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _case_of(item: pytest.Item) -> Case | None:
    called = getattr(item, "callspec", None)
    return called.params.get("case") if called is not None else None


@pytest.fixture(scope="session")
def lanes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lanes]:
    """Every driver, with what the chosen tests need of it, and an oaktree for it alone."""
    config = request.config
    settle = place.real if config.getoption(REAL) else place.embedded
    if config.getoption(REAL):
        try:
            place.devstack()
        except FileNotFoundError as error:
            pytest.exit(str(error), returncode=1)
    needed: dict[str, list[Case]] = {}
    for item in request.session.items:
        if isinstance(item, pytest.Function) and (case := _case_of(item)):
            needed.setdefault(str(item.callspec.params["language"]), []).append(case)
    made = Lanes(
        {
            language: Lane(
                LANGUAGES[language],
                cases,
                partial(settle, tmp_path_factory.mktemp(language)),
                config.getoption(PATIENCE),
            )
            for language, cases in needed.items()
        }
    )
    yield made
    made.stop()


def pytest_unconfigure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    count = {kind: len(found) for kind, found in reporter.stats.items()}
    failed = count.get("failed", 0) + count.get("error", 0)
    known = f", {count['xfailed']} known to fail" if count.get("xfailed") else ""
    skipped = f", {count['skipped']} skipped" if count.get("skipped") else ""
    print(f"{count.get('passed', 0)} passed, {failed} failed{known}{skipped}")
