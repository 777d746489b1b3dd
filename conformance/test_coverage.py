"""That nothing of the API is without a case."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
from oaktreemodel.v1 import Reason

from . import api
from .case import load_all
from .driver import languages

CASES = load_all()
# No call fails with these: it is well, or nobody ever says so.
NEVER = {"OK", "UNSPECIFIED"}


def _errors(value: Any) -> Iterator[dict[str, Any]]:
    """Every error that cases expect, those of places among them."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for one in value if isinstance(value, list) else ():
        yield from _errors(one)


def _expected(key: str) -> set[str]:
    found = set()
    for case in CASES:
        for step in case.steps:
            for error in _errors(case.known(step.get("error"))):
                if isinstance(word := error.get(key), str):
                    found.add(word)
    return found


def test_every_rpc_has_a_case_in_which_a_real_oaktree_does_it() -> None:
    done = {
        api.rpc(step["call"]).name
        for case in CASES
        if not case.scripted
        for step in case.calls
        if "error" not in step
    }
    missing = {rpc.name for rpc in api.rpcs().values()} - done
    assert not missing, f"no case calls {', '.join(sorted(missing))}"


def test_every_reason_has_a_case() -> None:
    reasons = {name.removeprefix("REASON_") for name in Reason.keys()}  # noqa: SIM118
    missing = reasons - _expected("reason") - NEVER
    assert not missing, f"no case expects {', '.join(sorted(missing))}"


def test_every_code_has_a_case() -> None:
    missing = {code.name for code in grpc.StatusCode} - _expected("code") - NEVER
    assert not missing, f"no case expects {', '.join(sorted(missing))}"


def test_what_is_known_to_fail_is_there_and_says_why() -> None:
    names = {case.name for case in CASES}
    for language in languages().values():
        for name, why in language.known_failing.items():
            assert name in names, f"{language.name}: there is no case {name}"
            assert why, f"{language.name}: {name} does not say why"


def test_no_two_cases_have_one_name() -> None:
    names = [case.name for case in CASES]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice
