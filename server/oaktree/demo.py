"""`oaktree demo`: three made-up clouds and an oaktree that serves them, in one process."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import uvloop

from oaktree.cli import configuration
from oaktree.clouds import configured
from oaktree.democloud import DemoCloud
from oaktree.gate import Own
from oaktree.server import serve

_NEXT = """\
Three made-up clouds are here: "modern" (two regions, floating IPs), "direct" (public addresses) and
"kilo" (as old as it sounds). In another terminal, in {python}:

    import oaktreemodel

    with oaktreemodel.connect("{address}") as client:
        for image in client.images.list():
            print(image.location.cloud, image.location.region, image.name)
        cloud = client.cloud("modern", region="east")
        server = cloud.servers.create(name="web", image="cirros", flavor="m1.tiny")
        server = cloud.servers.wait(server.id, timeout=60)
        print(server.interface_ip)

Stop it with Ctrl-C.
"""


def run(address: str) -> int:
    """Serves until SIGTERM or SIGINT. OSError if the address is in use."""
    with DemoCloud.start(build_seconds=2.0) as demo, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clouds.yaml"
        demo.write_clouds_yaml(str(path))
        uvloop.run(
            serve(
                Own(configured(configuration(str(path)))),
                address,
                ready=_tell,
            )
        )
    return 0


def _tell(where: str) -> None:
    print(_NEXT.format(address=where, python=sys.executable), flush=True)
