"""That the suite finds what it is there to find: each bug is planted in a copy of a client."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from .case import load_all
from .driver import FOLDER, Absent, languages
from .lane import one
from .place import Place

BUGS = yaml.safe_load((FOLDER / "planted.yaml").read_text())
CASES = {case.name: case for case in load_all()}
# Seconds that a driver with a bug may be silent; each case that finds one by waiting takes as long.
PATIENCE = 4.0


# The cases run meanwhile: building takes the processor, and they wait for the most part.
@pytest.mark.usefixtures("lanes")
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug['language']}: {bug['bug']}")
def test_a_bug_is_found(bug: dict[str, Any], tmp_path: Path) -> None:
    _copy(bug, tmp_path / "checkout")
    with ExitStack() as after:
        # Without clouds, only for what is scripted.
        place = after.enter_context(closing(Place(tmp_path, {})))
        try:
            driver = languages()[bug["language"]].start(place.environment, tmp_path / "checkout")
        except Absent as error:
            pytest.skip(str(error))
        after.enter_context(closing(driver))
        found = {name: one(CASES[name], driver, place, PATIENCE) for name in bug["found_by"]}
    missed = [name for name, wrong in found.items() if not wrong]
    assert not missed, f"{missed} went well in spite of it"


def _copy(bug: dict[str, Any], root: Path) -> None:
    """Make a checkout of the drivers and of the client that has the bug."""
    shutil.copytree(FOLDER / "drivers", root / FOLDER.name / "drivers")
    client = Path(bug["file"]).parts[0]
    shutil.copytree(FOLDER.parent / client, root / client)
    for part in ("proto", "third_party", "tools"):
        (root / part).symlink_to(FOLDER.parent / part)
    changed = root / bug["file"]
    source = changed.read_text()
    assert source.count(bug["old"]) == 1, f"{bug['file']} has changed: plant the bug anew"
    changed.write_text(source.replace(bug["old"], bug["new"]))
