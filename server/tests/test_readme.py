"""The commands and files in the server's README."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from textwrap import dedent

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from oaktree.admission import Admission
from oaktree.deployment import Deployment, read
from oaktree.server import Oaktree
from oaktree.tls import server_credentials

README = (Path(__file__).parents[1] / "README.rst").read_text()


def deployed(folder: Path) -> Deployment:
    """oaktree.yaml, and the files that it names by an authority of its own."""
    (content,) = re.findall(r"^( +# /etc/oaktree/oaktree\.yaml\n.*?)\n\n", README, re.M | re.S)
    (folder / "oaktree.yaml").write_text(dedent(content))
    commands = re.findall(r"^   \$ (openssl .*)$", README, re.M)
    assert len(commands) == 3
    for command in commands:
        given = command.replace("oaktree.example.com", "localhost")
        subprocess.run(given, shell=True, cwd=folder, check=True, capture_output=True)
    return read(folder / "oaktree.yaml")


async def test_a_deployers_files(tmp_path: Path) -> None:
    deployment = deployed(tmp_path)
    assert list(deployment.clouds["mycloud"].regions) == ["RegionOne", "RegionTwo"]
    assert deployment.tls is not None
    oaktree = Oaktree(Admission(deployment), server_credentials(deployment.tls))
    # Not on all of this machine's addresses, as the file says.
    address = await oaktree.start("localhost:0")
    trusted = grpc.ssl_channel_credentials((tmp_path / "ca.pem").read_bytes())
    try:
        async with grpc.aio.secure_channel(address, trusted) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=60)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    finally:
        await oaktree.stop(0)
