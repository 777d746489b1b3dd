"""A deployer's oaktree for a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from oaktree.democloud import DemoCloud

from .deployed import Deployed


@pytest.fixture
def served(demo: DemoCloud, tmp_path: Path) -> Iterator[Deployed]:
    """With a bound that a test can wait for."""
    oaktree = Deployed(demo, tmp_path, token_check_seconds=1)
    demo.reset_calls()
    yield oaktree
    oaktree.stop()


@pytest.fixture
def patient(demo: DemoCloud, tmp_path: Path) -> Iterator[Deployed]:
    """With the bounds that it has by itself, and room for few."""
    oaktree = Deployed(
        demo,
        tmp_path,
        ("modern", "direct"),
        callers=2,
        streams_per_caller=2,
        wrong_tokens_per_peer_per_minute=5,
    )
    demo.reset_calls()
    yield oaktree
    oaktree.stop()


@pytest.fixture
def channel(request: pytest.FixtureRequest) -> Iterator[grpc.Channel]:
    name = "patient" if "patient" in request.fixturenames else "served"
    with grpc.insecure_channel(request.getfixturevalue(name).address) as opened:
        yield opened
