"""The command: starting, stopping, and configurations that will not do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import oaktree
import oaktreemodel
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from oaktree import tokenfile
from oaktree.democloud import DemoCloud
from oaktreemodel.v1 import flavor_pb2, flavor_pb2_grpc

from .conftest import Running, until

SERVER = Path(oaktree.__file__).parent / "server.py"
COMMANDS = {
    "module": [sys.executable, "-m", "oaktree.cli", "serve"],
    "file": [sys.executable, str(SERVER)],
}


def start(
    *arguments: str | Path,
    command: str = "module",
    listen: str | None = "127.0.0.1:0",
    environment: dict[str, str] | None = None,
) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [*COMMANDS[command], *(["--listen", listen] if listen else []), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("OS_")}
        | (environment or {}),
        umask=0,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("oaktree serves on "):
        _, error = process.communicate(timeout=30)
        return process, error
    return process, line.split()[-1]


class Shown(grpc.StreamStreamClientInterceptor, grpc.UnaryUnaryClientInterceptor):
    """Shows the token of the oaktree at an address, with stubs that know nothing of it."""

    def __init__(self, address: str) -> None:
        token = (tokenfile.folder() / tokenfile.name_of(address)).read_text().strip()
        self._metadata = (("authorization", f"Bearer {token}"),)

    def intercept_unary_unary(
        self, continuation: Any, client_call_details: Any, request: Any
    ) -> Any:
        return continuation(client_call_details._replace(metadata=self._metadata), request)

    def intercept_stream_stream(
        self, continuation: Any, client_call_details: Any, request_iterator: Any
    ) -> Any:
        return self.intercept_unary_unary(continuation, client_call_details, request_iterator)


def stop(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    return process.returncode


@pytest.fixture(params=COMMANDS)
def served(
    request: pytest.FixtureRequest, clouds_yaml: Path
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process, address = start("--clouds", clouds_yaml, command=request.param)
    yield process, address
    if process.poll() is None:
        stop(process)


def test_it_serves_with_health_and_reflection(served: tuple[subprocess.Popen[str], str]) -> None:
    process, address = served
    with grpc.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", "oaktreemodel.v1.ServerService"):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflected = ProtoReflectionDescriptorDatabase(
            grpc.intercept_channel(channel, Shown(address))
        )
        assert "oaktreemodel.v1.ServerService" in reflected.get_services()
        assert reflected.FindFileByName("oaktreemodel/v1/server.proto").package == "oaktreemodel.v1"
    assert stop(process) == 0


def test_sigterm_lets_a_call_end(demo: DemoCloud, clouds_yaml: Path) -> None:
    process, address = start("--clouds", clouds_yaml)
    with oaktreemodel.connect(address) as client:
        cloud = client.cloud("modern", region="east")
        cloud.flavors.get("m1.tiny")
        demo.fault("modern", "delay", service="compute", path="/flavors/m1.tiny", seconds=2)
        got: list[str] = []
        call = threading.Thread(target=lambda: got.append(cloud.flavors.get("m1.tiny").name))
        call.start()
        while not demo.traffic("modern")["in_flight"]:
            pass
        assert stop(process) == 0
        call.join(10)
    assert got == ["m1.tiny"]


def test_a_port_in_use(clouds_yaml: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process, error = start("--clouds", clouds_yaml, "--listen", address)
    assert process.returncode == 2
    assert address in error
    assert "in use" in error
    assert "Traceback" not in error


BAD_FILES = {
    "missing": None,
    "not yaml": "clouds: [}",
    "no mapping": "- a\n- b\n",
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_configuration_that_cannot_be_read(tmp_path: Path, case: str) -> None:
    path = tmp_path / "clouds.yaml"
    text = BAD_FILES[case]
    if text is not None:
        path.write_text(text)
    process, error = start("--clouds", path)
    assert process.returncode == 2
    assert "clouds.yaml" in error
    assert "Traceback" not in error


def test_no_configuration_at_all(tmp_path: Path) -> None:
    nothing = {"HOME": str(tmp_path), "OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml")}
    process, error = start(environment=nothing)
    assert process.returncode == 2
    assert "there is no clouds.yaml" in error


def test_what_os_cloud_says_is_the_default(clouds_yaml: Path) -> None:
    process, address = start(
        environment={"OS_CLIENT_CONFIG_FILE": str(clouds_yaml), "OS_CLOUD": "direct"}
    )
    try:
        with grpc.insecure_channel(address) as channel:
            request = flavor_pb2.GetFlavorRequest(name_or_id="m1.tiny")
            shown = grpc.intercept_channel(channel, Shown(address))
            found = flavor_pb2_grpc.FlavorServiceStub(shown).GetFlavor(request).flavor
        assert found.location.cloud == "direct"
    finally:
        stop(process)


def test_a_socket_is_its_owners_alone(clouds_yaml: Path, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    process, address = start("--clouds", clouds_yaml, listen=f"unix:{path}")
    assert address == f"unix:{path}"
    assert path.stat().st_mode & 0o777 == 0o600
    assert stop(process) == 0


def test_stopping_cuts_what_is_read_for_no_call(demo: DemoCloud, clouds_yaml: Path) -> None:
    server = Running(clouds_yaml, ("modern",))
    with oaktreemodel.connect(server.address) as client:
        cloud = client.cloud("modern", region="west")
        made = cloud.servers.create(name="late", image="cirros", flavor="m1.tiny")
        demo.reset_calls()
        demo.fault("modern", "silent", service="compute", times=None)
        # What sees to the server's floating IP.
        until(lambda: demo.traffic("modern")["in_flight"] == 1)
    server.stop(0.1)
    until(lambda: demo.traffic("modern")["cut"] == 1)
    demo.remove("modern", "west", "servers", made.id)


def test_an_unknown_cloud_is_told_the_choices(clouds_yaml: Path) -> None:
    process, error = start("--clouds", clouds_yaml, "--cloud", "nowhere")
    assert process.returncode == 2
    assert "modern" in error


def test_clouds_that_cannot_be_used_leave_the_others(
    demo: DemoCloud, clouds_yaml: Path, tmp_path: Path
) -> None:
    content = yaml.safe_load(clouds_yaml.read_text())
    content["clouds"] |= {
        "authless": {"region_name": "x"},
        "wordy": "secret-word",
        "odd": {"auth_type": "no-such-plugin", "auth": {"password": "secret-word"}},
        "wrong": content["clouds"]["kilo"]
        | {"auth": content["clouds"]["kilo"]["auth"] | {"password": "secret-word"}},
    }
    path = tmp_path / "clouds.yaml"
    path.write_text(yaml.safe_dump(content))
    process, address = start("--clouds", path)
    try:
        with oaktreemodel.connect(address) as client:
            seen = {cloud.name: cloud for cloud in client.clouds.list()}
            for name, reason in [
                ("authless", "auth_url"),
                ("wordy", "not a mapping"),
                ("odd", "no-such-plugin"),
                ("wrong", "does not accept the credentials"),
            ]:
                assert reason in seen[name].regions[0].failure.message
            assert client.cloud("modern", region="east").flavors.get("m1.tiny")
            with pytest.raises(oaktreemodel.Unauthenticated):
                client.cloud("wrong").flavors.get("m1.tiny")
    finally:
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    assert "secret-word" not in log
