"""What the documents say is so: they can be read, their links lead somewhere, the example runs."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import docutils.core
import docutils.nodes
import pytest
import run

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (
        "",
        "conformance",
        "cpp",
        "devstack",
        "docs",
        "go",
        "python",
        "server",
        "tools/protoc-gen-oaktree",
    )
    for path in (ROOT / folder).glob("*.rst")
)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_can_be_read(root: Path, name: str) -> None:
    told: list[str] = []
    settings = {"report_level": 2, "halt_level": 5, "warning_stream": Warnings(told)}
    tree = docutils.core.publish_doctree(
        (root / name).read_text(), source_path=name, settings_overrides=settings
    )
    assert told == []
    for link in tree.findall(docutils.nodes.reference):
        target = link.get("refuri", "")
        if target and "://" not in target:
            assert (root / name).parent.joinpath(target).exists(), f"{name} links to {target}"


class Warnings:
    """What docutils writes its complaints to."""

    def __init__(self, told: list[str]) -> None:
        self.told = told

    def write(self, text: str) -> None:
        self.told.append(text)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_targets_exist(root: Path, name: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.MULTILINE)
    # The tests of the languages are named by a variable.
    targets += ["test-tools", "test-plugin", "test-python", "test-server", "install"]
    if (root / name).with_name("Makefile.am").exists():
        targets += ["check", "install", "installcheck", "distcheck"]  # automake's own
    text = (root / name).read_text()
    for target in re.findall(r"(?:``|\$ )make ([a-z-]+)", text):
        assert target in targets, f"{name} speaks of `make {target}`"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """An oaktree of made-up clouds: its address, and all that it says."""
    log = tmp_path_factory.mktemp("demo") / "log"
    process = run.start(log)
    try:
        run.told(process, log, "Stop it with Ctrl-C")
        yield run.told(process, log, r"^oaktree serves on (\S+)$")[1], log.read_text()
    finally:
        run.stop(process)


def test_example_of_the_readme(root: Path, demo: tuple[str, str]) -> None:
    readme = (root / "README.rst").read_text()
    (block,) = re.findall(r"\.\. code-block:: python\n\n((?:   .*\n|\n)+)", readme)
    code = textwrap.dedent(block)
    assert code.count('"localhost:50051"') == 1
    done = subprocess.run(
        [sys.executable, "-c", code.replace("localhost:50051", demo[0])],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    *images, reached = done.stdout.splitlines()
    assert "modern west cirros" in images
    assert re.fullmatch(r"198\.18\.\d+\.\d+", reached)


def test_what_the_demo_says_to_try(demo: tuple[str, str]) -> None:
    code = textwrap.dedent("".join(re.findall(r"^    .*\n", demo[1], re.MULTILINE)))
    assert "oaktreemodel.connect(" in code
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
