"""Images' bytes in tests."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from oaktree.democloud import DemoCloud

from ..conftest import Running
from .sending import Images


@pytest.fixture
def images(running: Running) -> Iterator[Images]:
    with grpc.insecure_channel(running.address) as channel:
        yield Images(channel)


@pytest.fixture(autouse=True)
def _nothing_else(demo: DemoCloud) -> Iterator[None]:
    """Each test begins with the images that the clouds begin with."""
    yield
    demo.clear_faults()
    for name, cloud in demo.clouds.items():
        region = next(iter(cloud.regions))
        for image in demo.items(name, region, "images"):
            if image["owner"] == demo.project_id(name):
                demo.remove(name, region, "images", image["id"])
