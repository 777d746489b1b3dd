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
    """What hatchling calls before it packs a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate, unless an sdist is packed: it carries the proto files instead."""
        if self.target_name == "wheel":
            generate()


def generate() -> None:
    """Write oaktreemodel/v1 anew. Raises SystemExit if a tool is missing or refuses."""
    # In an sdist everything lies beside this file; in the tree, one folder up.
    root = HERE if (HERE / "buf.gen.yaml").exists() else HERE.parent
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = folder / "bin"
        commands.mkdir()
        buf = _provide(commands)
        environment = os.environ | {"PATH": os.pathsep.join([str(commands), os.environ["PATH"]])}
        command = [buf, "generate", "--output", str(folder)]
        done = subprocess.run(command, cwd=root, env=environment, check=False)
        if done.returncode != 0:
            raise SystemExit(f"buf generate ended with {done.returncode}; see above")
        shutil.rmtree(GENERATED, ignore_errors=True)
        shutil.copytree(folder / "python" / "oaktreemodel" / "v1", GENERATED)


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
    generate()
