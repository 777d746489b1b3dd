"""Each rule refuses what it is for, at the right line, and nothing else does."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest
from model import Model
from refused import CASES
from rules import RULES, violations
from rules_fields import words_taken

PLUGIN = Path(__file__).resolve().parents[1]
PROTO = PLUGIN / "testdata" / "proto" / "oaktreemodel" / "v1"

Compile = Callable[..., CodeGeneratorRequest]


def test_the_tree_itself_is_good(compile_tree: Compile) -> None:
    assert violations(Model(compile_tree())) == []


@pytest.mark.parametrize(
    ("rule", "name", "old", "new", "at", "said"),
    CASES,
    ids=[f"{case[0]}-{number}" for number, case in enumerate(CASES)],
)
def test_rule_refuses(
    compile_tree: Compile,
    tmp_path: Path,
    rule: str,
    name: str,
    old: str,
    new: str,
    at: str | None,
    said: str,
) -> None:
    edits = [(name, old, new)]
    if "google.protobuf.Struct" in new:
        wanted = 'import "google/protobuf/timestamp.proto";'
        edits.append((name, wanted, f'import "google/protobuf/struct.proto";\n{wanted}'))
    found = violations(Model(compile_tree(*edits)))
    path = f"oaktreemodel/v1/{name}.proto"
    text = (tmp_path / "proto" / path).read_text()
    line = 1 if at is None else text[: text.index(at)].count("\n") + 1
    mine = [one for one in found if f"(rule {rule} in " in one]
    assert any(one.startswith(f"{path}:{line}: {said}") for one in mine), "\n".join(found)
    assert mine[0].endswith("in tools/protoc-gen-oaktree/RULES.rst)")


def test_every_rule_is_tried_and_written_down() -> None:
    told = set(re.findall(r"^([a-z]+(?:-[a-z]+)*)$", (PLUGIN / "RULES.rst").read_text(), re.M))
    assert told == set(RULES)
    assert {case[0] for case in CASES} == set(RULES)


def test_openstack_words_stay_usable() -> None:
    words = "metadata status name id type size state tags description image network port volume"
    assert not set(words.split()) & words_taken()


def test_known_traps_are_reserved() -> None:
    words = "timeout object_id descriptor import inspect linux class end clone hash send method"
    assert set(words.split()) <= words_taken()


def test_every_violation_is_told_at_once(compile_tree: Compile) -> None:
    found = violations(
        Model(
            compile_tree(
                ("widget", "optional bool is_turning", "bool is_turning"),
                ("ration", "  // How much bread.\n", ""),
            )
        )
    )
    assert [re.sub(r":.*", "", one) for one in found] == [
        "oaktreemodel/v1/ration.proto",
        "oaktreemodel/v1/widget.proto",
    ]
