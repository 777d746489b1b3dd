"""devstack/test.py leaves what oaktree always promised: images and flavors to poke at."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from .conftest import DEVSTACK

POKE = """
assert [image.name for image in images if image.name == "cirros"] == ["cirros"]
assert {flavor.name for flavor in flavors} >= {"m1.tiny", "m1.large"}
print("poked at", cloud.location.cloud, len(images), len(flavors))
"""


@pytest.mark.parametrize("cloud", ["devstack", "devstack-other"])
def test_it_leaves_images_and_flavors(address: str, cloud: str) -> None:
    done = subprocess.run(
        [sys.executable, "-i", DEVSTACK / "test.py", cloud],
        input=POKE,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OAKTREE_ADDRESS": address},
    )
    assert "Traceback" not in done.stderr
    assert f"poked at {cloud} " in done.stdout
    assert "cirros" in done.stdout.splitlines()[0]
    assert "m1.tiny" in done.stdout.splitlines()[1]
    assert done.returncode == 0


def test_it_ends_where_there_is_nothing_to_type(address: str) -> None:
    done = subprocess.run(
        [sys.executable, "-i", DEVSTACK / "test.py"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OAKTREE_ADDRESS": address},
    )
    assert done.stdout.startswith("images:")
    assert "Traceback" not in done.stderr
