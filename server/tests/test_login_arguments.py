"""`oaktree login`: which roles it gives away, and arguments that will not do."""

from __future__ import annotations

from pathlib import Path

import pytest
from oaktree import cli
from oaktree.login import choose

CHOICES: list[tuple[list[str], list[str], bool, list[str]]] = [
    (["reader", "member"], [], False, ["member"]),
    (["reader", "_member_"], [], False, ["_member_"]),
    (["Member", "admin"], [], False, ["Member"]),
    (["reader", "member"], [], True, ["reader"]),
    (["reader", "admin"], ["admin"], False, ["admin"]),
    (["creator", "admin", "cloud_admin", "service"], [], False, ["creator"]),
]


@pytest.mark.parametrize(("has", "wanted", "read_only", "chosen"), CHOICES)
def test_the_fewest_roles(
    has: list[str], wanted: list[str], read_only: bool, chosen: list[str]
) -> None:
    assert choose(has, wanted, read_only)[0] == chosen


@pytest.mark.parametrize(
    ("has", "wanted", "read_only", "said"),
    [
        (["member"], ["member", "reader"], False, "do not have the role reader in this project"),
        (["member"], [], True, "name it with --role"),
        (["admin"], [], False, "more than a file should hold"),
        ([], [], False, "no role"),
    ],
)
def test_roles_that_will_not_do(
    has: list[str], wanted: list[str], read_only: bool, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        choose(has, wanted, read_only)


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "x", "100001"])
def test_days_that_will_not_do(days: str) -> None:
    with pytest.raises(SystemExit):
        cli.main(["login", "oaktree.example.com", f"--days={days}"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "oaktree login HOST:PORT"),
        (["http://oaktree.example.com"], "is plaintext"),
        ([":1"], "names no host"),
        (
            ["oaktree.example.com", "--ca", "broken.pem"],
            "--ca: {folder}/broken.pem holds no certificate",
        ),
        (["oaktree.example.com", "--ca", "none.pem"], "none.pem cannot be read: No such file"),
        (["http://localhost", "--ca", "broken.pem"], "certificates need TLS"),
        (["oaktree.example.com", "--clouds", "none.yaml"], "--clouds: none.yaml cannot be read"),
    ],
)
def test_addresses_and_files_that_will_not_do(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("OAKTREE_ADDRESS", "OAKTREE_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    Path("broken.pem").write_text("no certificate")
    # Nobody listens there: nothing is asked of a cloud before all else is right.
    Path("clouds.yaml").write_text("clouds: {one: {auth: {auth_url: 'http://127.0.0.1:1'}}}")
    given = ["login", "--file", "credentials.yaml", "--clouds", "clouds.yaml", *arguments]
    assert cli.main(given) == 2
    told = capsys.readouterr()
    assert said.format(folder=tmp_path) in told.err
    assert told.out == ""
    assert not Path("credentials.yaml").exists()
