"""Which roles `oaktree login` gives away."""

from __future__ import annotations

import pytest
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
