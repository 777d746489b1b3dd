"""The cases themselves, with every driver."""

from __future__ import annotations

import pytest

from .case import Case, load_all
from .conftest import LANGUAGES
from .driver import Absent
from .lane import Lanes


@pytest.mark.parametrize("case", load_all(), ids=lambda case: case.name)
def test_case(language: str, case: Case, lanes: Lanes, request: pytest.FixtureRequest) -> None:
    known = LANGUAGES[language].known_failing
    if case.name in known:
        # strict: one that passes has to be taken off the list, which only shrinks.
        request.applymarker(pytest.mark.xfail(reason=known[case.name], strict=True))
    try:
        wrong = lanes.outcome(language, case.name)
    except Absent as error:
        pytest.skip(str(error))
    if wrong:
        pytest.fail(wrong, pytrace=False)
