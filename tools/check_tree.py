"""Checks what is tracked: no binaries, nothing generated, no machine's own paths, files kept short.

    python tools/check_tree.py [ROOT]

Names every fault as `file:line: what`, and ends with 1 if there is one.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

LONGEST = 350
# Longer all the same, and why.
MAY_BE_LONG = {
    "tools/protoc-gen-oaktree/emit_python.py": "one language, one emitter",
    "tools/protoc-gen-oaktree/tests/refused.py": "data: one entry for every refusal",
}
# What is read a piece at a time: a resource has one proto file, whatever it takes.
NO_CODE = (".proto", ".txtpb", ".rst", ".json", ".txt", "LICENSE")

GENERATED = re.compile(
    r"(^|/)("
    r"[^/]+_pb2(_grpc)?\.pyi?|[^/]+\.(pyc|binpb|egg-info)|__pycache__/.*"
    r"|(?<!proto/)oaktreemodel/v1/.*"
    r")$"
)
# `go get` builds nothing, so Go's code is tracked; testdata holds what a plugin ought to write.
GENERATED_ON_PURPOSE = re.compile(r"^go/(oaktreemodel/v1/|cloud\.gen\.go$)|/testdata/")

# Someone's home, on any system.
PERSONAL = re.compile(
    r"(?<![\w.])/(root|(home|Users)/[a-z][\w.-]*)/|\\Users\\[a-z][\w.-]*\\", re.IGNORECASE
)


def tracked(root: Path) -> list[str]:
    """What git knows and is there. CalledProcessError where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True
    )
    return [name for name in listed.stdout.split("\0") if name and (root / name).is_file()]


def faults(root: Path, may_be_long: Mapping[str, str] = MAY_BE_LONG) -> Iterator[str]:
    """Every fault of the tree, in the order of its files."""
    names = tracked(root)
    for name in names:
        if GENERATED.search(name) and not GENERATED_ON_PURPOSE.search(name):
            yield f"{name}:1: is generated, and tracked"
        try:
            text = (root / name).read_bytes().decode()
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            yield f"{name}:1: is binary"
            continue
        yield from _lines(root, name, text.splitlines())
        length = text.count("\n")
        is_short = length <= LONGEST or name.endswith(NO_CODE)
        is_short = is_short or bool(GENERATED_ON_PURPOSE.search(name))
        if not is_short and name not in may_be_long:
            yield f"{name}:{length}: has {length} lines; split it at {LONGEST} or less"
        elif is_short and name in may_be_long:
            yield f"{name}:{length}: is short again; take it off MAY_BE_LONG"
    for name in sorted(set(may_be_long) - set(names)):
        yield f"{name}:1: is gone; take it off MAY_BE_LONG"


def _lines(root: Path, name: str, lines: list[str]) -> Iterator[str]:
    # As a path of its own, not as the tail of another: a checkout may be as shallow as /oaktree.
    own = re.compile(rf"(?<![\w./~-]){re.escape(str(root))}/")
    for number, line in enumerate(lines, 1):
        if PERSONAL.search(line) or own.search(line):
            yield f"{name}:{number}: holds a path of somebody's own machine"
        if line != line.rstrip():
            yield f"{name}:{number}: ends in white space"


def main(root: Path) -> int:
    try:
        found = list(faults(root))
    except subprocess.CalledProcessError:
        print("skipped: no git here, so nothing is tracked")
        return 0
    print("\n".join(found) or f"{len(tracked(root))} tracked files are clean")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(
        main(Path(*sys.argv[1:]).resolve() if sys.argv[1:] else Path(__file__).parents[1].resolve())
    )
