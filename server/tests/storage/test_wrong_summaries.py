"""Answers to a commit that say in some odd way how it went."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from oaktree import swift

from .asks import Code, Store, large, refused
from .asks import delete as deleted
from .moving import download
from .test_segments import DATA, commit, left, plan, send


def answering(patch: pytest.MonkeyPatch, method: str, body: Any) -> None:
    """What has a manifest is answered so, and not done."""
    ask = swift.ask

    def asked(place: Any, given: str, *path: str, **more: Any) -> Any:
        kind = (more.get("query") or {}).get("multipart-manifest")
        if given != method or kind not in ("put", "delete"):
            return ask(place, given, *path, **more)
        response = ask(place, "HEAD")
        response._content = orjson.dumps(body)
        return response

    patch.setattr(swift, "ask", asked)


@pytest.mark.parametrize(
    "body",
    [
        {"Response Status": ""},
        {"Response Status": None},
        {"Response Status": "x"},
        {"Response Status": 7},
        {"Response Status": "500 Internal Error", "Errors": ["x", []]},
    ],
)
def test_a_commit_that_is_not_known_to_have_gone_well(
    modern: Store, name: str, body: dict[str, Any]
) -> None:
    modern.fill(name)
    step = plan(modern, name, DATA)
    send(modern, name, step, DATA)
    with pytest.MonkeyPatch.context() as patch:
        answering(patch, "PUT", body)
        with refused(Code.UNKNOWN, "CLOUD_ERROR"):
            commit(modern, name, step, DATA)
    assert len(left(modern, name)) == 4
    commit(modern, name, step, DATA)
    assert download(modern, name, "big").data == DATA


@pytest.mark.parametrize("errors", [["x"], [["x"]], {"x": "y"}, "x", [None]])
def test_errors_that_are_no_pairs(modern: Store, name: str, errors: Any) -> None:
    modern.fill(name)
    step = plan(modern, name, DATA)
    send(modern, name, step, DATA)
    large(modern, name, "a")
    with pytest.MonkeyPatch.context() as patch:
        answering(patch, "PUT", {"Response Status": "400 Bad Request", "Errors": errors})
        with refused(Code.FAILED_PRECONDITION, "CONTENT_CHANGED"):
            commit(modern, name, step, DATA)
    with pytest.MonkeyPatch.context() as patch:
        answering(patch, "DELETE", {"Number Deleted": 1, "Errors": errors})
        with refused(Code.UNKNOWN, "CLOUD_ERROR"):
            deleted(modern, name, "a")
