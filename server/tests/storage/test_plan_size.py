"""How much one answer of a plan holds."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from oaktree.storage import plan

from ..conftest import Running
from .asks import Code, Store, refused
from .test_plan import actions, entry
from .test_plan import plan as planned

CLIENTS = [("grpc.max_receive_message_length", 64 << 20)]
# What it takes to tell of a thousand segments.
OF_A_THOUSAND = 100_000


def test_many_large_files_are_planned_at_once(running: Running, modern: Store, name: str) -> None:
    modern.fill(name)
    entries = [entry(f"{number:02d}", 1000) for number in range(50)]
    with grpc.insecure_channel(running.address, CLIENTS) as channel:
        store = Store(running, channel, modern.location)
        steps = planned(store, name, entries, segment_size_bytes=1)
    assert [len(step.segments) for step in steps] == [1000] * 50


@pytest.mark.parametrize("fields", [{}, {"finds_extra": True, "is_last": True}])
def test_more_segments_than_an_answer_holds(
    modern: Store, name: str, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    monkeypatch.setattr(plan, "MOST_BYTES", 3 * OF_A_THOUSAND)
    modern.fill(name)
    entries = [entry(str(number), 1000) for number in range(3)]
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", "entries") as caught:
        planned(modern, name, entries, segment_size_bytes=1, **fields)
    assert "send fewer entries at once" in caught.message
    assert planned(modern, name, entries[:1], segment_size_bytes=1, **fields)


def test_more_extra_objects_than_an_answer_holds(
    modern: Store, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "MOST_BYTES", 300)
    modern.fill(name, *"abcdefghij")
    fields = {"finds_extra": True, "is_last": True}
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", "entries"):
        planned(modern, name, [], **fields)
    assert len(actions(planned(modern, name, [], **fields, after="g"))) == 3
