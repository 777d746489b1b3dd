"""The gate refuses what would break somebody's client, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

PROTO = Path("proto/oaktreemodel/v1")
# How buf ends when it has something to say, as against not having got so far.
REFUSED = 100


class Edit(NamedTuple):
    """One change of one proto file, and the rules of buf's that it breaks."""

    file: str
    old: str
    new: str
    rules: set[str]


PUBLIC_V4 = r"^  string public_v4 = (\d+);$"
CHANGING = r"^  STATE_CHANGING = 3;$"
BREAKING = {
    "field-removed": Edit("server", PUBLIC_V4, "", {"FIELD_NO_DELETE"}),
    "field-renumbered": Edit(
        "server", PUBLIC_V4, "  string public_v4 = 9999;", {"FIELD_NO_DELETE"}
    ),
    "field-retyped": Edit("server", PUBLIC_V4, r"  bytes public_v4 = \1;", {"FIELD_SAME_TYPE"}),
    "field-renamed": Edit(
        "server",
        PUBLIC_V4,
        r"  string public_ip = \1;",
        {"FIELD_SAME_NAME", "FIELD_SAME_JSON_NAME"},
    ),
    "label-changed": Edit(
        "server", PUBLIC_V4, r"  repeated string public_v4 = \1;", {"FIELD_SAME_CARDINALITY"}
    ),
    "presence-added": Edit(
        "server", PUBLIC_V4, r"  optional string public_v4 = \1;", {"FIELD_SAME_CARDINALITY"}
    ),
    "moved-into-a-oneof": Edit(
        "server",
        PUBLIC_V4,
        r"  oneof public {\n    // It.\n    string public_v4 = \1;\n  }",
        {"FIELD_SAME_ONEOF"},
    ),
    "enum-value-removed": Edit("common", CHANGING, "", {"ENUM_VALUE_NO_DELETE"}),
    "enum-value-renumbered": Edit(
        "common", CHANGING, "  STATE_CHANGING = 99;", {"ENUM_VALUE_NO_DELETE"}
    ),
    "message-removed": Edit(
        "error", r"(?s)^message QuotaExceeded \{.*?^\}$", "", {"MESSAGE_NO_DELETE"}
    ),
    "rpc-removed": Edit("server", r"^  rpc RebootServer\(.*\);$", "", {"RPC_NO_DELETE"}),
    "rpc-request-changed": Edit(
        "server",
        r"rpc StopServer\(StopServerRequest\)",
        "rpc StopServer(StartServerRequest)",
        {"RPC_SAME_REQUEST_TYPE"},
    ),
    "rpc-streaming-changed": Edit(
        "server",
        r"returns \(stream WaitServerResponse\)",
        "returns (WaitServerResponse)",
        {"RPC_SAME_SERVER_STREAMING"},
    ),
}

ADDING = {
    "field": Edit(
        "server", r"^message Server \{$", "message Server {\n  string added = 9999;", set()
    ),
    "enum-value": Edit("common", CHANGING, "  STATE_CHANGING = 3;\n  STATE_ADDED = 99;", set()),
    "rpc": Edit(
        "server",
        r"^service ServerService \{$",
        "service ServerService {\n"
        "  rpc AddServer(StartServerRequest) returns (StartServerResponse);",
        set(),
    ),
}


def apply(tree: Path, edit: Edit) -> None:
    path = tree / PROTO / f"{edit.file}.proto"
    text, times = re.subn(edit.old, edit.new, path.read_text(), flags=re.MULTILINE)
    assert times == 1, f"{edit.old!r} fits {times} times in {path.name}: mend this test"
    path.write_text(text)


def release(tree: Path, version: str) -> None:
    image = tree / "proto" / "released" / f"{version}.txtpb"
    subprocess.run(
        ["buf", "build", "proto", "--exclude-source-info", "-o", str(image)], cwd=tree, check=True
    )


def gate(tree: Path) -> tuple[int, set[str]]:
    """How the gate ends, and which of buf's rules it says were broken."""
    done = subprocess.run(
        ["tools/check-breaking", "--error-format=json"],
        cwd=tree,
        check=False,
        capture_output=True,
        text=True,
    )
    # What is no finding is a fault of the test's own, such as a tree that does not compile.
    assert done.stderr == ""
    return done.returncode, {json.loads(line)["type"] for line in done.stdout.splitlines()}


@pytest.mark.parametrize("name", BREAKING)
def test_breaking_edit_is_refused(tree: Path, name: str) -> None:
    release(tree, "0.1.0")
    apply(tree, BREAKING[name])
    code, rules = gate(tree)
    assert code == REFUSED
    assert rules >= BREAKING[name].rules


@pytest.mark.parametrize("name", ADDING)
def test_adding_passes(tree: Path, name: str) -> None:
    release(tree, "0.1.0")
    apply(tree, ADDING[name])
    assert gate(tree) == (0, set())


def test_adding_a_file_passes(tree: Path) -> None:
    release(tree, "0.1.0")
    old = (tree / PROTO / "flavor.proto").read_text()
    new, times = re.subn(r"Flavor", "Flavour", old)
    assert times > 1
    (tree / PROTO / "flavour.proto").write_text(new)
    assert gate(tree) == (0, set())


def test_removing_a_file_is_refused(tree: Path) -> None:
    release(tree, "0.1.0")
    (tree / PROTO / "flavor.proto").unlink()
    assert gate(tree) == (REFUSED, {"FILE_NO_DELETE"})


def test_newest_release_counts(tree: Path) -> None:
    release(tree, "0.9.0")
    apply(tree, ADDING["field"])
    release(tree, "0.10.0")
    apply(tree, Edit("server", r"^  string added = 9999;$", "", set()))
    assert gate(tree) == (REFUSED, {"FIELD_NO_DELETE"})


def test_without_a_release_it_says_so(tree: Path) -> None:
    done = subprocess.run(
        ["tools/check-breaking"], cwd=tree, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "make release-image" in done.stderr
