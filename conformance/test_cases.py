"""The cases themselves, and that nothing of the API is without one."""

from __future__ import annotations

import pytest

from .case import Case, load_all
from .conftest import LANGUAGES, PATIENCE, REAL
from .driver import Driver
from .place import Place
from .run import Failed, Run

CASES = load_all()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, driver: Driver, where: Place, request: pytest.FixtureRequest) -> None:
    language = request.node.callspec.params["driver"]
    if request.config.getoption(REAL) and not case.real:
        pytest.skip("only the embedded clouds can show it")
    known = LANGUAGES[language].known_failing
    if case.name in known:
        # strict: one that passes has to be taken off the list, which only shrinks.
        mark = pytest.mark.xfail(reason=known[case.name], strict=True)
        request.applymarker(mark)
    wrong = ""
    try:
        Run(case, driver, where, request.config.getoption(PATIENCE)).run()
    except Failed as error:
        wrong = str(error)
    if wrong:
        pytest.fail(wrong, pytrace=False)
