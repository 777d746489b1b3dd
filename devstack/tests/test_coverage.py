"""Every rpc that there is was called by the tests before, and answered."""

from __future__ import annotations

from oaktree import models

from .calls import Calls


def test_every_rpc_was_called(calls: Calls) -> None:
    missed = sorted(set(models.rpcs()) - set(calls.ended_well))
    assert not missed, f"never called, or never answered well: {missed}"
