"""One's own oaktree: its token, the file it is in, and who has it not."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from oaktree import tokenfile
from oaktree.clouds import Clouds
from oaktree.gate import Open
from oaktree.server import Oaktree
from oaktree.tokenfile import TokenFile, name_of
from oaktreemodel.v1 import auth_pb2, auth_pb2_grpc, flavor_pb2, flavor_pb2_grpc

from .test_command import start, stop


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "runtime"
    folder.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


@pytest.fixture
def served(runtime: Path, clouds_yaml: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process, address = start("--clouds", clouds_yaml)
    yield process, address
    if process.poll() is None:
        stop(process)


def flavor(address: str, *metadata: tuple[str, str]) -> str:
    request = flavor_pb2.GetFlavorRequest(name_or_id="m1.tiny")
    request.location.cloud = "direct"
    with grpc.insecure_channel(address) as channel:
        stub = flavor_pb2_grpc.FlavorServiceStub(channel)
        found: str = stub.GetFlavor(request, metadata=metadata, timeout=30).flavor.name
        return found


def reason(error: Any) -> str:
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return str(info.reason)


def token_of(address: str) -> str:
    return (tokenfile.folder() / name_of(address)).read_text().strip()


def test_the_file_is_its_owners_alone(
    served: tuple[subprocess.Popen[str], str], runtime: Path
) -> None:
    _, address = served
    path = runtime / "oaktree" / address.rpartition(":")[2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert len(token_of(address)) >= 43


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_who_shows_the_token_is_let_in(
    served: tuple[subprocess.Popen[str], str], scheme: str
) -> None:
    _, address = served
    assert flavor(address, ("authorization", scheme + token_of(address))) == "m1.tiny"


def test_nobody_else_is_let_in(served: tuple[subprocess.Popen[str], str]) -> None:
    process, address = served
    token = token_of(address)
    refused = [
        (),
        (("authorization", "Bearer nonsense"),),
        (("authorization", f"Bearer {token[:-1]}"),),
        (("authorization", f"Bearer {token}x"),),
        (("authorization", f"Basic {token}"),),
        (("authorization", "Bearer "),),
        (("authorization", token),),
        (("token", token),),
    ]
    for metadata in refused:
        with pytest.raises(grpc.RpcError) as raised:
            flavor(address, *metadata)
        assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert reason(raised.value) == "UNAUTHENTICATED"
        assert token[:8] not in str(raised.value)
    # Who is the owner, but has not looked, is told where.
    assert str(tokenfile.folder()) in str(raised.value)
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=30)
    assert token not in log


def test_it_makes_no_other_tokens(served: tuple[subprocess.Popen[str], str]) -> None:
    _, address = served
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as raised:
        auth_pb2_grpc.AuthServiceStub(channel).CreateToken(
            auth_pb2.CreateTokenRequest(client_id="one", client_secret="two")
        )
    assert reason(raised.value) == "NOT_OFFERED"


def test_the_file_goes_with_the_oaktree(
    served: tuple[subprocess.Popen[str], str], runtime: Path
) -> None:
    process, _ = served
    assert stop(process) == 0
    assert list((runtime / "oaktree").iterdir()) == []


def test_what_is_another_oaktrees_by_now_stays(runtime: Path) -> None:
    first, second = TokenFile(), TokenFile()
    path = first.write("localhost:50051")
    assert second.write("[::1]:50051") == path
    first.remove()
    assert path.read_text().strip() == second.token
    second.remove()
    assert not path.exists()


@pytest.mark.parametrize("runtime_is", [None, "relative", "/no/such/folder"])
def test_without_a_runtime_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime_is: str | None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    if runtime_is is None:
        monkeypatch.delenv("XDG_RUNTIME_DIR")
    else:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime_is)
    path = TokenFile().write("127.0.0.1:1234")
    assert path == tmp_path / ".local/state/oaktree/1234"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_folder_that_others_can_read_is_refused(runtime: Path) -> None:
    (runtime / "oaktree").mkdir()
    os.chmod(runtime / "oaktree", 0o755)
    with pytest.raises(PermissionError, match="chmod 700"):
        TokenFile().write("127.0.0.1:1234")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("127.0.0.1:50051", "50051"),
        ("[::1]:50051", "50051"),
        ("unix:/run/user/1/oak%tree.sock", "%2Frun%2Fuser%2F1%2Foak%25tree.sock"),
        ("unix:///run//x/../oaktree", "%2Frun%2Foaktree"),
    ],
)
def test_what_the_file_is_called(address: str, name: str) -> None:
    assert name_of(address) == name


def test_a_socket_has_a_token_too(runtime: Path, tmp_path: Path, clouds_yaml: Path) -> None:
    address = f"unix:{tmp_path}/socket"
    process, _ = start("--clouds", clouds_yaml, listen=address)
    try:
        with pytest.raises(grpc.RpcError):
            flavor(address)
        assert flavor(address, ("authorization", f"Bearer {token_of(address)}")) == "m1.tiny"
    finally:
        stop(process)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_nobody_else_is_localhost(host: str) -> None:
    """Clients that say so try each of its addresses, and show whoever answers the token."""
    with socket.socket(socket.AF_INET6) as other:
        try:
            other.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OSError, match="the port is in use"):
            await Oaktree(Open(Clouds({}))).start(f"{host}:{port}")
    oaktree = Oaktree(Open(Clouds({})))
    where = await oaktree.start(f"{host}:0")
    try:
        assert where.rpartition(":")[0] == host
        port = int(where.rpartition(":")[2])
        for family, name in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.socket(family) as other, pytest.raises(OSError, match="in use"):
                other.bind((name, port))
    finally:
        await oaktree.stop(0)
