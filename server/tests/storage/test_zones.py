"""Clouds that write their times with a zone, as Ceph does, or without one, as Swift does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from oaktree import swift

from .asks import Store
from .moving import upload
from .test_segments import DATA, OTHER, commit, left, plan, send

EAST = timezone(timedelta(hours=2))


def zulu(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def naive(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat()


def eastern(at: datetime) -> str:
    return at.astimezone(EAST).isoformat()


@pytest.fixture
def old() -> set[str]:
    """The names of what was stored two hours earlier than it is."""
    return set()


@pytest.fixture(params=[naive, zulu, eastern])
def parent(
    modern: Store,
    name: str,
    old: set[str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> str:
    modern.fill(name)
    page = swift.page

    def told(row: swift.Item) -> swift.Item:
        if "subdir" in row:
            return row
        at = datetime.fromisoformat(row["last_modified"]).replace(tzinfo=UTC)
        at -= timedelta(hours=2 if row["name"] in old else 0)
        return row | {"last_modified": request.param(at)}

    monkeypatch.setattr(swift, "page", lambda *args, **query: [*map(told, page(*args, **query))])
    return name


def test_an_abort_of_what_is_old(modern: Store, parent: str, old: set[str]) -> None:
    send(modern, parent, plan(modern, parent, DATA), DATA, only={0, 3})
    old.update(left(modern, parent))
    for age, count in ((3 * 3600, 0), (3600, 2)):
        told = modern("AbortStorageObjectUploads", parent=parent, untouched_for={"seconds": age})
        assert told.segment_count == count
    assert left(modern, parent) == []


def test_what_was_given_up_goes_with_the_next(modern: Store, parent: str, old: set[str]) -> None:
    send(modern, parent, plan(modern, parent, DATA), DATA, only={0})
    before = left(modern, parent)
    step = plan(modern, parent, OTHER, knows=True)
    send(modern, parent, step, OTHER)
    old.update(before)
    commit(modern, parent, step, OTHER)
    assert left(modern, parent) == [one.name for one in step.segments]


def test_what_is_stored_in_one_piece_clears_too(modern: Store, parent: str, old: set[str]) -> None:
    send(modern, parent, plan(modern, parent, DATA), DATA, only={0})
    old.update(left(modern, parent))
    upload(modern, parent, "big", b"small")
    assert left(modern, parent) == []
