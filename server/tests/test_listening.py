"""Where to listen: what is written wrong, and what does not work."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml
from oaktree import cli, listening
from oaktree.deployment import read

WRONG = {
    "localhost": "is not host:port",
    "[::]": "is not host:port",
    "50051": "is not host:port",
    "": "is not host:port",
    "localhost:": "is not host:port",
    "localhost:http": "is not host:port",
    "a b:1": "is not host:port",
    "localhost:-1": "is not host:port",
    "localhost:1:2": "IPv6 goes in brackets",
    "::1": "IPv6 goes in brackets",
    "::1:50051": "IPv6 goes in brackets",
    "[1]:50051": "no IPv6 address in its brackets",
    ":50051": "write 0.0.0.0:50051",
    "127.0.0.1:65536": "a port beyond 65535",
    "127.0.0.1:99999": "a port beyond 65535",
    "http://localhost:50051": "is an URL",
    "unix:": "names no socket",
    "unix://": "names no socket",
}


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:0", "0.0.0.0:65535", "[::]:50051", "oaktree.example.com:1", "unix:a", "unix:/a"],
)
def test_what_there_can_be(address: str) -> None:
    assert listening.check(address) == address


@pytest.mark.parametrize(("address", "said"), WRONG.items())
def test_what_is_written_wrong(
    address: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["serve", f"--listen={address}"])
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert f"argument --listen: {address!r} " in told
    assert said in told
    if address:
        path = tmp_path / "oaktree.yaml"
        clouds = {"one": {"auth": {"auth_url": "https://keystone.example.com"}}}
        path.write_text(yaml.safe_dump({"listen": address, "clouds": clouds}))
        with pytest.raises(ValueError, match=r"oaktree\.yaml: listen ") as wrong:
            read(path)
        assert said in str(wrong.value)


def test_a_port_that_is_in_use() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        told = listening.problem(f"127.0.0.1:{other.getsockname()[1]}")
    assert "perhaps by another oaktree" in told


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("192.0.2.1:50051", "is not this machine's"),
        ("nowhere.invalid:50051", "there is no host nowhere.invalid"),
    ],
)
def test_an_address_that_is_not_ours(address: str, said: str) -> None:
    assert said in listening.problem(address)


def test_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"no folder {tmp_path}/none" in listening.problem(f"unix:{tmp_path}/none/socket")
    assert "no more than 107 bytes" in listening.problem(f"unix:{tmp_path}/{'a' * 107}")
    assert "something else" in listening.problem(f"unix:{tmp_path}")
    assert f"may not make a socket in {tmp_path}" in listening.problem(f"unix:{tmp_path}/socket")
    monkeypatch.chdir(tmp_path)
    assert f"may not make a socket in {tmp_path}" in listening.problem("unix:socket")


def test_what_cannot_be_listened_on_is_told(
    clouds_yaml: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"unix:{tmp_path}/none/socket"
    assert cli.main(["serve", "--clouds", str(clouds_yaml), "--listen", address]) == 2
    told = capsys.readouterr().err
    assert f"cannot listen on {address}: there is no folder {tmp_path}/none" in told
