"""Every rpc of the proto tree is served, and every row fits its message."""

from __future__ import annotations

import pytest
from oaktree import handlers, models, resources
from oaktree.convert import Table


def test_every_rpc_is_served() -> None:
    assert handlers.handlers().keys() == models.rpcs().keys()


def test_an_rpc_that_nothing_serves_is_named_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "specials", dict)
    with pytest.raises(LookupError, match="ListClouds"):
        handlers.handlers()


def test_a_field_without_a_source_is_named_at_start() -> None:
    row = resources.reader("Port").row
    odd = {key: value for key, value in row.odd.items() if key != "trunk_details_json"}
    with pytest.raises(LookupError, match="trunk_details_json"):
        Table(models.descriptor("Port"), row.sdk, odd)
