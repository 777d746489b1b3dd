"""The summary of `make check` and of CI can be believed."""

from __future__ import annotations

from pathlib import Path

import pytest
import run_parts

REPORT = """\
<testsuites><testsuite tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}"/>
</testsuites>
"""


@pytest.fixture
def makefile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with a Makefile; what it is asked for is in there."""
    monkeypatch.setattr(run_parts, "ROOT", tmp_path)
    monkeypatch.setattr(run_parts, "REPORTS", tmp_path)
    # Else the make that runs these tests would have its word in the one under test.
    for name in ("MAKEFLAGS", "MAKELEVEL", "MAKE"):
        monkeypatch.delenv(name, raising=False)
    reports = {
        "good": REPORT.format(tests=5, failures=0, errors=0, skipped=1),
        "bad": REPORT.format(tests=5, failures=1, errors=2, skipped=0),
    }
    for name, content in reports.items():
        (tmp_path / f"{name}.txt").write_text(content)
    path = tmp_path / "Makefile"
    path.write_text(
        "gate:\n\t@true\n"
        "broken:\n\t@false\n"
        "good:\n\t@cp good.txt good.xml\n"
        "bad:\n\t@cp bad.txt bad.xml; false\n"
    )
    return path


def summary(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return capfd.readouterr().out.partition("=== summary\n")[2].splitlines()


def test_all_is_well(makefile: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_parts.main(["gate", "good"]) == 0
    gate, good, total = summary(capfd)
    assert gate.split()[:2] == ["gate", "ok"]
    assert good.split()[:2] == ["good", "ok"]
    assert good.endswith("4 passed, 0 failed, 1 skipped")
    assert total == "4 passed, 0 failed"


def test_all_parts_run_though_one_fails(makefile: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_parts.main(["bad", "good"]) == 1
    bad, good, total = summary(capfd)
    assert bad.split()[:2] == ["bad", "FAILED"]
    assert bad.endswith("2 passed, 3 failed")
    assert good.split()[:2] == ["good", "ok"]
    assert total == "6 passed, 3 failed"


def test_a_gate_that_fails_counts_as_one(makefile: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_parts.main(["broken", "good"]) == 1
    assert summary(capfd)[-1] == "4 passed, 1 failed"


def test_gates_count_in_a_run_within_a_run(
    makefile: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with makefile.open("a") as file:
        file.write("inner:\n\t@cp bad.txt bad.xml; cp gate.txt gate.xml; false\n")
    assert run_parts.main(["broken"]) == 1
    (makefile.parent / "broken.xml").rename(makefile.parent / "gate.txt")
    assert run_parts.main(["inner"]) == 1
    assert capfd.readouterr().out.splitlines()[-1] == "2 passed, 4 failed"


def test_an_old_report_does_not_count(makefile: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_parts.main(["good"]) == 0
    assert run_parts.main(["gate"]) == 0
    assert capfd.readouterr().out.splitlines()[-1] == "0 passed, 0 failed"


def test_interrupted(
    makefile: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(part: run_parts.Part, make: object) -> None:
        part.code = 130
        part.tests.failed = 1
        raise KeyboardInterrupt

    monkeypatch.setattr(run_parts, "run", interrupt)
    assert run_parts.main(["good", "gate"]) == 1
    good, gate, total = summary(capfd)
    assert good.split()[:2] == ["good", "FAILED"]
    assert gate.split()[:3] == ["gate", "not", "run"]
    assert total == "0 passed, 1 failed"
