"""`oaktree serve --config` and `--no-auth`: from the files of a deployer to a call by a user."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest
import yaml
from certificates import Certificate, certificate
from oaktree import cli
from oaktree.democloud import DemoCloud

from .test_command import start, stop

OWN, RENEWED = certificate("localhost"), certificate("localhost")


def put(folder: Path, pair: Certificate) -> None:
    (folder / "tls.crt").write_bytes(pair.cert)
    (folder / "tls.key").write_bytes(pair.key)


@pytest.fixture
def config(tmp_path: Path, demo: DemoCloud) -> Path:
    """A deployer's files."""
    put(tmp_path, OWN)
    clouds = {}
    for name in ("modern", "direct"):
        entry = demo.entry(name, "", "")
        clouds[name] = entry | {"auth": {"auth_url": entry["auth"]["auth_url"]}}
    path = tmp_path / "oaktree.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "listen": "localhost:0",
                "tls": {"certificate": "tls.crt", "key": "tls.key"},
                "clouds": clouds,
            }
        )
    )
    return path


@pytest.fixture
def served(config: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process, address = start("--config", config, listen=None)
    yield process, address
    if process.poll() is None:
        stop(process)


def logged_in(address: str, clouds_yaml: Path, folder: Path, *more: str) -> Path:
    """The credentials file that `oaktree login` writes."""
    (folder / "ca.pem").write_bytes(OWN.cert)
    file = folder / "credentials.yaml"
    ca = ("--ca", str(folder / "ca.pem"))
    given = ["login", f"https://{address}", *ca, "--clouds", str(clouds_yaml), *more]
    # By itself it is named by the second.
    given += ["--name", folder.name]
    assert cli.main([*given, "--file", str(file)]) == 0
    return file


def test_a_user_logs_in_and_calls(
    served: tuple[subprocess.Popen[str], str], clouds_yaml: Path, tmp_path: Path, demo: DemoCloud
) -> None:
    process, address = served
    file = logged_in(
        address, clouds_yaml, tmp_path, "--cloud", "modern", "--oaktree-cloud", "modern"
    )
    with oaktreemodel.connect(credentials=file) as client:
        (identifier,) = demo.add_servers("modern", "east", 1)
        server = client.cloud("modern", region="east").servers.get(identifier)
        assert server.location.project.id == demo.project_id("modern")
    process.terminate()
    _, log = process.communicate(timeout=30)
    assert process.returncode == 0
    assert not [secret for secret in demo.secrets() if secret in log]


def test_a_renewed_certificate_is_shown(
    served: tuple[subprocess.Popen[str], str], clouds_yaml: Path, tmp_path: Path
) -> None:
    _, address = served
    file = logged_in(
        address, clouds_yaml, tmp_path, "--cloud", "modern", "--oaktree-cloud", "modern"
    )
    put(tmp_path, RENEWED)
    (tmp_path / "ca.pem").write_bytes(RENEWED.cert)
    with oaktreemodel.connect(credentials=file) as client:
        assert client.cloud("modern", region="east").flavors.get("m1.tiny")


def test_without_a_credential_nobody_is_let_in(
    served: tuple[subprocess.Popen[str], str],
) -> None:
    _, address = served
    with (
        oaktreemodel.connect(f"https://{address}", ca=OWN.cert) as client,
        pytest.raises(oaktreemodel.Unauthenticated),
    ):
        client.cloud("modern", region="east").flavors.get("m1.tiny")


def test_the_command_line_goes_before_the_file(config: Path, tmp_path: Path) -> None:
    process, address = start("--config", config, listen=f"unix:{tmp_path}/socket")
    assert address == f"unix:{tmp_path}/socket"
    assert stop(process) == 0


def changed(config: Path, **values: Any) -> Path:
    config.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | values))
    return config


@pytest.mark.parametrize("listen", [None, "0.0.0.0:0"])
def test_others_are_served_by_tls_alone(config: Path, listen: str | None) -> None:
    process, error = start("--config", changed(config, tls=None, listen="[::]:0"), listen=listen)
    assert process.returncode == 2
    assert f"cannot listen on {listen or '[::]:0'}" in error
    assert "tls.certificate and tls.key in the file of --config" in error


@pytest.mark.parametrize(
    "more", [("--clouds", "clouds.yaml"), ("--cloud", "modern"), ("--no-auth",)]
)
def test_what_a_configuration_excludes(config: Path, more: tuple[str, ...]) -> None:
    process, error = start("--config", config, *more)
    assert process.returncode == 2
    assert "--config excludes" in error


def test_a_configuration_that_will_not_do(config: Path) -> None:
    process, error = start("--config", changed(config, clouds={"modern": {"password": "hunter2"}}))
    assert process.returncode == 2
    assert f"{config}: clouds.modern.password does not belong here" in error
    assert "hunter2" not in error
    assert "Traceback" not in error


def test_a_certificate_that_will_not_do(config: Path) -> None:
    (config.parent / "tls.key").write_bytes(RENEWED.key)
    process, error = start("--config", config)
    assert process.returncode == 2
    assert f"{config}: tls.key: {config.parent}/tls.key is not the key of" in error
    assert "Traceback" not in error


def test_no_auth_lets_in_all_of_this_machine(
    clouds_yaml: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    process, address = start("--clouds", clouds_yaml, "--no-auth")
    try:
        # Nobody whose token could be found.
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        monkeypatch.setenv("HOME", str(tmp_path))
        with oaktreemodel.connect(address) as client:
            assert client.cloud("modern", region="east").flavors.get("m1.tiny")
    finally:
        assert stop(process) == 0


@pytest.mark.parametrize("more", [(), ("--no-auth",)])
def test_ones_own_oaktree_is_not_for_others(clouds_yaml: Path, more: tuple[str, ...]) -> None:
    process, error = start("--clouds", clouds_yaml, *more, listen="0.0.0.0:0")
    assert process.returncode == 2
    assert "serves only this machine" in error
    assert "--config" in error
