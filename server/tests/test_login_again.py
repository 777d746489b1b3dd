"""`oaktree login` once more, and whether an oaktree takes what it made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from certificates import certificate
from oaktree import login, private
from oaktree.democloud import DemoCloud

from . import test_login
from .deployed import Deployed
from .test_login import ADDRESS, Machine, made, works

machine = test_login.machine
# Before a fixture takes its place.
TRY: Callable[[Path], str] = login._try


@pytest.fixture
def served(
    machine: Machine, demo: DemoCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployed]:
    """An oaktree that is asked whether it takes a credential."""
    monkeypatch.setattr(login, "_try", TRY)
    oaktree = Deployed(demo, tmp_path, ("direct", "modern"))
    yield oaktree
    oaktree.stop()


def names(demo: DemoCloud) -> list[str]:
    return [item["name"] for item in made(demo).values()]


def test_what_the_file_says_stays(machine: Machine, demo: DemoCloud) -> None:
    machine.login(ADDRESS, "--oaktree-cloud", "north", "--name", "first")
    (machine.file.parent / "ca.pem").write_bytes(certificate("localhost").cert)
    first = machine.stored()
    private.write(machine.file, yaml.safe_dump(first | {"ca": "ca.pem"}))
    said = machine.login("--name", "second")
    assert (said.code, said.err) == (0, "")
    second = machine.stored()
    assert second["client_id"] != first["client_id"]
    assert (second["address"], second["ca"], second["cloud"]) == (ADDRESS, "ca.pem", "north")
    for told in (f"address {ADDRESS}", "ca ca.pem", "cloud north", "member"):
        assert told in said.out


def test_what_is_given_goes_before_it(machine: Machine, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(certificate("localhost").cert)
    machine.login(ADDRESS, "--oaktree-cloud", "north", "--ca", ca, "--name", "first")
    said = machine.login("--oaktree-cloud", "south", "--ca", "", "--name", "second")
    assert said.code == 0
    assert machine.stored()["cloud"] == "south"
    assert "ca" not in machine.stored()
    assert "north" not in said.out


def test_of_another_oaktree_nothing_is_taken_over(machine: Machine) -> None:
    machine.login(ADDRESS, "--oaktree-cloud", "north", "--name", "first")
    assert machine.login("example.org:1", "--force", "--name", "second").code == 0
    assert "cloud" not in machine.stored()


@pytest.mark.parametrize("more", [(), ("example.org:1", "--force")])
def test_read_only_stays_so(machine: Machine, demo: DemoCloud, more: tuple[str, ...]) -> None:
    machine.login(ADDRESS, "--read-only", "--name", "first")
    said = machine.login("--name", "second", *more)
    assert said.code == 0
    assert "the role reader" in said.out
    assert works(demo, machine.stored()) == ["reader"]
    assert names(demo) == ["second"]
    assert machine.login("--role", "member", "--name", "third").code == 0
    assert works(demo, machine.stored()) == ["member", "reader"]


def test_of_a_former_one_that_is_gone_the_roles_are_not_known(
    machine: Machine, demo: DemoCloud
) -> None:
    machine.login(ADDRESS, "--read-only", "--name", "first")
    demo.delete_application_credential("modern", machine.stored()["client_id"])
    said = machine.login("--name", "second")
    assert said.code == 0
    assert "so the roles are chosen anew" in said.out


def test_nothing_is_guessed_while_the_cloud_does_not_tell(
    machine: Machine, demo: DemoCloud
) -> None:
    machine.login(ADDRESS, "--read-only", "--name", "first")
    demo.fault(
        "modern",
        "status",
        service="identity",
        method="GET",
        path="/users/{user}/application_credentials/{id}",
        status=503,
        times=None,
    )
    assert "cloud modern: " in machine.refused("--name", "second")


def test_a_role_that_is_lost(
    machine: Machine, demo: DemoCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.login(ADDRESS, "--name", "first")
    before = login._User.__init__

    def less(self: login._User, *arguments: object) -> None:
        before(self, *arguments)  # type: ignore[arg-type]
        self.roles = ["reader"]

    monkeypatch.setattr(login._User, "__init__", less)
    assert "--role or --read-only" in machine.refused("--name", "second")


def test_an_oaktree_takes_it(machine: Machine, served: Deployed) -> None:
    said = machine.login(served.address, "--oaktree-cloud", "modern")
    assert (said.code, said.err) == (0, "")
    assert "the oaktree takes it" in said.out


def test_an_oaktree_that_refuses_it(machine: Machine, served: Deployed, demo: DemoCloud) -> None:
    machine.login(served.address, "--oaktree-cloud", "modern", "--name", "first")
    # Where the credential is unknown.
    said = machine.login("--oaktree-cloud", "direct", "--name", "second")
    assert said.code == 1
    assert f"{machine.file} is written, but the oaktree did not take" in said.err
    assert "CREDENTIALS_REFUSED" in said.err
    assert "is left; if nobody needs it" in said.err
    assert names(demo) == ["first", "second"]
    assert machine.stored()["cloud"] == "direct"
    assert machine.login("--oaktree-cloud", "modern", "--name", "third").code == 0
    assert names(demo) == ["first", "third"]


def test_an_oaktree_that_is_not_there(machine: Machine, served: Deployed, demo: DemoCloud) -> None:
    served.stop()
    said = machine.login(served.address)
    assert said.code == 1
    assert f"no oaktree can be reached at {served.address}" in said.err
    assert "if it speaks TLS, write https://" in said.err
    assert machine.stored()["address"] == served.address
