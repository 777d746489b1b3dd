"""Generates oaktreemodel/v1 when the package is built, from the tree or from an sdist.

`python hatch_build.py` does the same by hand, for work in the tree.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).resolve().parent
GENERATED = HERE / "oaktreemodel" / "v1"
# The commands that buf.gen.yaml needs, by the distributions that bring them.
TOOLS = {
    "buf-bin": ("buf",),
    "mypy-protobuf": ("protoc-gen-mypy", "protoc-gen-mypy_grpc"),
}


class CustomBuildHook(BuildHookInterface[BuilderConfig]):
    """What hatchling calls around a build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate for a wheel; an sdist carries the proto files instead."""
        if self.target_name != "wheel":
            return
        if version == "editable":
            generate_in_place()
            return
        # Beside the tree, so that a build changes nothing for those who work in it.
        self._folder = tempfile.mkdtemp()
        package = generate(Path(self._folder))
        build_data["force_include"][str(package)] = "oaktreemodel/v1"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Clear up."""
        if folder := getattr(self, "_folder", None):
            shutil.rmtree(folder)


def generate(folder: Path) -> Path:
    """Generate below a folder; returns where the package is that was made.

    Raises SystemExit if a tool refuses; it has said why.
    """
    # In an sdist everything lies beside this file; in the tree, one folder up.
    root = HERE if (HERE / "buf.gen.yaml").exists() else HERE.parent
    commands = folder / "bin"
    commands.mkdir()
    buf = _provide(commands)
    environment = os.environ | {"PATH": os.pathsep.join([str(commands), os.environ["PATH"]])}
    command = [buf, "generate", "--output", str(folder)]
    done = subprocess.run(command, cwd=root, env=environment, check=False)
    if done.returncode != 0:
        raise SystemExit(f"buf generate ended with {done.returncode}; see above")
    return folder / "python" / "oaktreemodel" / "v1"


def generate_in_place() -> None:
    """Write oaktreemodel/v1 anew, in the tree."""
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".generated-") as name:
        package = generate(Path(name))
        # By renaming, so that whoever imports it meanwhile finds the old or the new one.
        if GENERATED.exists():
            GENERATED.rename(Path(name) / "old")
        package.rename(GENERATED)


def _provide(commands: Path) -> str:
    """Put the tools of this very environment into a folder of their own; returns buf's path.

    An isolated build may find another environment's first on the PATH, and another `python3`.
    """
    for name, wanted in TOOLS.items():
        for file in distribution(name).files or ():
            if file.name in wanted:
                (commands / file.name).symlink_to(Path(str(file.locate())).resolve())
    # Not a link: a virtual environment is found by the path that its Python is started with.
    python = commands / "python3"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return str(commands / "buf")


if __name__ == "__main__":
    generate_in_place()
