"""`oaktree login`: what it makes in a cloud and in a file, and when it leaves both alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from certificates import certificate
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from oaktree import cli, login, private
from oaktree.democloud import DemoCloud

ADDRESS = "oaktree.example.com:50051"


@dataclass
class Said:
    code: int
    out: str
    err: str


class Machine:
    """One user's, with a clouds.yaml and no other configuration."""

    def __init__(
        self, home: Path, clouds: Path, demo: DemoCloud, captured: pytest.CaptureFixture[str]
    ) -> None:
        self.file = home / ".config" / "oaktree" / "credentials.yaml"
        self._clouds = clouds
        self._demo = demo
        self._captured = captured

    def login(self, *arguments: str | Path, cloud: str = "modern") -> Said:
        given = ["login", "--clouds", self._clouds, "--cloud", cloud, *arguments]
        code = cli.main([str(one) for one in given])
        said = Said(code, *self._captured.readouterr())
        for secret in (*self._demo.secrets(), "democloud-secret"):
            assert secret not in said.out + said.err
        return said

    def refused(self, *arguments: str | Path, cloud: str = "modern") -> str:
        """What is said then; nothing has changed."""
        before = self._all()
        said = self.login(*arguments, cloud=cloud)
        assert said.code == 2
        assert said.out == ""
        assert said.err.startswith("oaktree: ")
        assert before == self._all()
        return said.err

    def _all(self) -> Any:
        return made(self._demo), self.file.read_bytes() if self.file.exists() else None

    def stored(self) -> dict[str, str]:
        found: dict[str, str] = yaml.safe_load(self.file.read_text())
        return found


@pytest.fixture
def machine(
    tmp_path: Path,
    clouds_yaml: Path,
    demo: DemoCloud,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Machine]:
    for name in ("XDG_CONFIG_HOME", "OAKTREE_ADDRESS", "OAKTREE_CREDENTIALS", "OS_CLOUD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    # There is no such oaktree; test_login_again has one.
    monkeypatch.setattr(login, "_try", lambda path: "")
    yield Machine(tmp_path, clouds_yaml, demo, capsys)
    for item in made(demo).values():
        demo.delete_application_credential("modern", item["id"])


def made(demo: DemoCloud) -> dict[str, Any]:
    """The application credentials of modern by id, less what it started with."""
    items = demo.clouds["modern"].application_credentials
    return {item["id"]: dict(item) for item in items if item["name"] != "deploy"}


def works(demo: DemoCloud, stored: dict[str, str]) -> list[str]:
    """The roles of a token that is got with what is stored."""
    plugin = v3.ApplicationCredential(
        f"{demo.clouds['modern'].address}/identity/v3",
        application_credential_id=stored["client_id"],
        application_credential_secret=stored["client_secret"],
    )
    access = plugin.get_access(Session())
    assert access.project_id == demo.project_id("modern")
    return sorted(access.role_names or ())


def test_it_makes_a_credential_and_its_file(machine: Machine, demo: DemoCloud) -> None:
    # Keystone keeps no fractions of what it was not told.
    before = datetime.now(UTC).replace(microsecond=0)
    said = machine.login(ADDRESS)
    after = datetime.now(UTC)
    assert (said.code, said.err) == (0, "")
    (item,) = made(demo).values()
    stored = machine.stored()
    assert stored == {
        "address": ADDRESS,
        "client_id": item["id"],
        "client_secret": item["_secret"],
    }
    assert machine.file.stat().st_mode & 0o777 == 0o600
    assert machine.file.parent.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in machine.file.parent.iterdir()] == ["credentials.yaml"]
    assert works(demo, stored) == ["member", "reader"]
    ends = datetime.fromisoformat(item["expires_at"]).replace(tzinfo=UTC)
    assert before <= ends - timedelta(days=90) <= after
    assert item["unrestricted"] is False
    for told in (item["id"], item["name"], "member", f"{ends:%Y-%m-%d %H:%M}", machine.file):
        assert str(told) in said.out


def test_what_is_asked_for(machine: Machine, demo: DemoCloud, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(certificate("localhost").cert)
    said = machine.login(
        "unix:/run/oaktree.sock",
        *("--name", "mine", "--days", "1", "--oaktree-cloud", "north", "--ca", ca),
        *("--role", "reader", "--role", "member"),
    )
    assert said.code == 0
    (item,) = made(demo).values()
    assert item["name"] == "mine"
    stored = machine.stored()
    assert (stored["ca"], stored["cloud"]) == (str(ca), "north")
    assert works(demo, stored) == ["member", "reader"]


def test_to_read_only(machine: Machine, demo: DemoCloud) -> None:
    assert machine.login(ADDRESS, "--read-only").code == 0
    assert works(demo, machine.stored()) == ["reader"]


def test_somebody_who_is_no_member(machine: Machine, demo: DemoCloud) -> None:
    said = machine.login(ADDRESS, cloud="modern-reader")
    assert "there is no role member" in said.out
    assert works(demo, machine.stored()) == ["reader"]


def test_an_admin_gives_away_a_members_role(machine: Machine, demo: DemoCloud) -> None:
    demo.add_user("modern", "root", {"demo": "admin"})
    entry = demo.entry("modern", "root", "demo")
    clouds = machine.file.parents[2] / "admin.yaml"
    clouds.write_text(yaml.safe_dump({"clouds": {"modern": entry}}))
    assert machine.login(ADDRESS, "--clouds", clouds).code == 0
    assert works(demo, machine.stored()) == ["member", "reader"]


def test_a_later_login_replaces_the_former(machine: Machine, demo: DemoCloud) -> None:
    machine.login(ADDRESS)
    (former,) = made(demo).values()
    said = machine.login("--name", "second")
    assert f"{former['name']} ({former['id']}), is deleted" in said.out
    assert [item["name"] for item in made(demo).values()] == ["second"]
    assert machine.stored()["address"] == ADDRESS
    assert works(demo, machine.stored())


def test_the_same_oaktree_may_be_written_in_another_way(machine: Machine, demo: DemoCloud) -> None:
    machine.login(ADDRESS)
    machine.login(f"https://{ADDRESS}", "--name", "second")
    assert [item["name"] for item in made(demo).values()] == ["second"]


def store(machine: Machine, identifier: str) -> None:
    private.write(
        machine.file,
        yaml.safe_dump({"address": ADDRESS, "client_id": identifier, "client_secret": "hunter2"}),
    )


def test_what_no_login_made_is_left(machine: Machine, demo: DemoCloud) -> None:
    identifier, _ = demo.application_credential("modern")
    store(machine, identifier)
    said = machine.login(ADDRESS)
    assert f"({identifier}), is left: no login made it" in said.out
    assert len(made(demo)) == 2


def test_what_is_another_users_is_left(machine: Machine, demo: DemoCloud) -> None:
    identifier, _ = demo.application_credential("modern", "other", "other")
    store(machine, identifier)
    said = machine.login(ADDRESS)
    assert said.code == 0
    assert f"openstack application credential delete {identifier}" in said.out
    assert len(made(demo)) == 2


def test_what_is_gone(machine: Machine) -> None:
    store(machine, "0" * 32)
    said = machine.login(ADDRESS)
    assert said.code == 0
    assert "is not in this cloud, or not any more" in said.out


def test_a_former_one_that_cannot_be_deleted(machine: Machine, demo: DemoCloud) -> None:
    machine.login(ADDRESS)
    (former,) = made(demo)
    demo.fault("modern", "status", service="identity", method="DELETE", status=503, times=None)
    said = machine.login("--name", "second")
    assert said.code == 0
    assert f"openstack application credential delete {former}" in said.out
    assert len(made(demo)) == 2


def test_a_file_for_another_oaktree(machine: Machine, demo: DemoCloud, tmp_path: Path) -> None:
    machine.login(ADDRESS)
    said = machine.refused("example.org:1")
    assert f"credentials.yaml is for {ADDRESS}" in said
    assert "--force" in said
    other = tmp_path / "private" / "other.yaml"
    assert machine.login("example.org:1", "--file", other, "--name", "other").code == 0
    assert yaml.safe_load(other.read_text())["address"] == "example.org:1"
    assert len(made(demo)) == 2
    assert machine.login("example.org:1", "--force", "--name", "forced").code == 0
    assert machine.stored()["address"] == "example.org:1"
    assert {item["name"] for item in made(demo).values()} == {"other", "forced"}


@pytest.mark.parametrize(
    "content", ["- hunter2", "address: [", "address: 7", "clouds: {}", "address: 'hunter 2'"]
)
def test_a_file_that_is_something_else(machine: Machine, content: str) -> None:
    private.write(machine.file, content)
    said = machine.refused(ADDRESS)
    assert str(machine.file) in said
    assert "hunter" not in said
    assert "replaced only with --force" in said
    assert machine.login(ADDRESS, "--force").code == 0
    assert machine.stored()["address"] == ADDRESS


def test_where_the_environment_says(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OAKTREE_ADDRESS", ADDRESS)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert machine.login("--name", "one").code == 0
    machine.file = tmp_path / "xdg" / "oaktree" / "credentials.yaml"
    assert machine.stored()["address"] == ADDRESS
    machine.file = tmp_path / "named.yaml"
    monkeypatch.setenv("OAKTREE_CREDENTIALS", str(machine.file))
    assert machine.login("--name", "two").code == 0
    assert machine.stored()["address"] == ADDRESS


def test_a_link_stays_one(machine: Machine, tmp_path: Path) -> None:
    machine.file.parent.mkdir(parents=True)
    machine.file.symlink_to(tmp_path / "kept.yaml")
    assert machine.login(ADDRESS).code == 0
    assert machine.file.is_symlink()
    assert machine.stored()["address"] == ADDRESS
    assert (tmp_path / "kept.yaml").stat().st_mode & 0o777 == 0o600


def test_a_cloud_without_application_credentials(machine: Machine) -> None:
    assert "too old to have application credentials" in machine.refused(ADDRESS, cloud="kilo")


def test_an_application_credential_makes_no_other(machine: Machine) -> None:
    said = machine.refused(ADDRESS, cloud="modern-appcred")
    assert "is an application credential itself, which cannot make others" in said


def test_an_unrestricted_one_does(machine: Machine, demo: DemoCloud, tmp_path: Path) -> None:
    identifier, secret = demo.application_credential("modern", unrestricted=True)
    entry = demo.entry("modern", "", "") | {"auth_type": "v3applicationcredential"}
    entry["auth"] = {
        "auth_url": entry["auth"]["auth_url"],
        "application_credential_id": identifier,
        "application_credential_secret": secret,
    }
    clouds = tmp_path / "unrestricted.yaml"
    clouds.write_text(json.dumps({"clouds": {"modern": entry}}))
    assert machine.login(ADDRESS, "--clouds", clouds).code == 0
    assert works(demo, machine.stored())


def test_a_name_that_is_taken(machine: Machine) -> None:
    assert machine.login(ADDRESS, "--name", "mine").code == 0
    said = machine.refused("--name", "mine")
    assert "already: choose another --name" in said


def test_a_file_that_cannot_be_written(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(private, "write", full)
    assert "no space left" in machine.refused(ADDRESS)


def test_an_entry_without_a_project(machine: Machine, demo: DemoCloud, tmp_path: Path) -> None:
    entry = demo.entry("modern", "demo", "demo")
    del entry["auth"]["project_name"], entry["auth"]["project_domain_id"]
    clouds = tmp_path / "unscoped.yaml"
    clouds.write_text(yaml.safe_dump({"clouds": {"modern": entry}}))
    assert "names no project" in machine.refused(ADDRESS, "--clouds", clouds)


def changed(**auth: str) -> Callable[[dict[str, Any]], None]:
    return lambda entry: entry["auth"].update(auth)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed(password="hunter2"), "does not accept the credentials"),
        (changed(auth_url="http://127.0.0.1:1/v3"), "cannot be reached"),
        (lambda entry: entry.pop("auth"), "does not say how to authenticate"),
    ],
)
def test_a_cloud_that_lets_nobody_in(
    machine: Machine,
    demo: DemoCloud,
    tmp_path: Path,
    change: Callable[[dict[str, Any]], None],
    said: str,
) -> None:
    entry = demo.entry("modern", "demo", "demo")
    change(entry)
    clouds = tmp_path / "wrong.yaml"
    clouds.write_text(yaml.safe_dump({"clouds": {"modern": entry}}))
    told = machine.refused(ADDRESS, "--clouds", clouds)
    assert told.startswith("oaktree: cloud modern: ")
    assert said in told
    assert "hunter2" not in told


def test_which_cloud(machine: Machine, monkeypatch: pytest.MonkeyPatch, clouds_yaml: Path) -> None:
    assert "no cloud 'nowhere'" in machine.refused(ADDRESS, cloud="nowhere")
    assert "name one with --cloud: " in machine.refused(ADDRESS, cloud="")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds_yaml))
    monkeypatch.setenv("OS_CLOUD", "modern")
    assert cli.main(["login", ADDRESS]) == 0
    assert machine.stored()["address"] == ADDRESS
