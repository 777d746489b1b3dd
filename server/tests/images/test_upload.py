"""Uploads that go well, on every kind of cloud."""

from __future__ import annotations

import random

from oaktree.democloud import DemoCloud

from .sending import EAST, Images, md5, sha256, whole

DATA = random.Random(7).randbytes(3_000_001)


def test_upload(images: Images, demo: DemoCloud) -> None:
    responses = images.upload(
        whole(
            DATA,
            name="one",
            disk_format="raw",
            min_disk_gib=2,
            tags=["t"],
            is_protected=True,
            properties={"os_distro": "debian"},
        )
    )
    assert responses[0].progress.sent_bytes == 0
    image = responses[-1].image
    assert (image.name, image.status, image.disk_format, image.min_disk_gib) == (
        "one",
        "active",
        "raw",
        2,
    )
    assert (image.size_bytes, image.checksum) == (len(DATA), md5(DATA))
    assert image.is_protected
    assert dict(image.properties) == {
        "os_distro": "debian",
        "owner_specified.openstack.md5": md5(DATA),
        "owner_specified.openstack.sha256": sha256(DATA),
        "owner_specified.openstack.object": "images/one",
    }
