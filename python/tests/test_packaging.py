"""What is built installs into empty environments, away from the tree, and is typed there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from fake import Oaktree
from oaktreemodel import v1

pytestmark = pytest.mark.packaging

HERE = Path(__file__).resolve().parent
VERSIONS = ("3.11", "3.12", "3.13")
SCRIPT = """
import sys
import oaktreemodel
import oaktreemodel.aio
with oaktreemodel.connect(sys.argv[1]) as client:
    print(oaktreemodel.__file__, client.servers.get("web").id)
"""


def run(*command: str | Path, cwd: Path) -> str:
    # What helps in the tree must not help here.
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(one) for one in command],
        cwd=cwd,
        env=kept,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist, and the wheel that is made from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = (sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, HERE.parent)
    run(*command, cwd=folder)
    return folder


def the(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def python(version: str) -> str:
    """A Python of that version: this one, one on the PATH, or one that pyenv has."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [shutil.which(f"python{version}")]
    candidates += map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python3")))
    for one in candidates:
        if one and subprocess.run([one, "-c", ""], capture_output=True).returncode == 0:
            return one
    pytest.skip(f"there is no Python {version} on this machine")


def environment(interpreter: str, folder: Path, what: Path) -> Path:
    """A fresh environment with one thing installed in it."""
    run(interpreter, "-m", "venv", folder / "venv", cwd=folder)
    inside = folder / "venv" / "bin" / "python"
    run(inside, "-m", "pip", "install", "--quiet", what, cwd=folder)
    return inside


def check(inside: Path, folder: Path, oaktree: Oaktree) -> None:
    oaktree.answer("GetServer", v1.GetServerResponse(server=v1.Server(id="1")))
    script = folder / "script.py"
    script.write_text(SCRIPT)
    path, answer = run(inside, script, oaktree.address, cwd=folder).split()
    assert Path(path).is_relative_to(folder)
    assert answer == "1"


@pytest.mark.parametrize("version", VERSIONS)
def test_wheel(dist: Path, tmp_path: Path, oaktree: Oaktree, version: str) -> None:
    inside = environment(python(version), tmp_path, the(dist, "*.whl"))
    check(inside, tmp_path, oaktree)
    run(inside, "-m", "pip", "check", cwd=tmp_path)


def test_sdist(dist: Path, tmp_path: Path, oaktree: Oaktree) -> None:
    check(environment(sys.executable, tmp_path, the(dist, "*.tar.gz")), tmp_path, oaktree)


def test_users_script_is_typed(dist: Path, tmp_path: Path) -> None:
    inside = environment(sys.executable, tmp_path, the(dist, "*.whl"))
    shutil.copy(HERE / "typed_use.py", tmp_path)
    mypy = (sys.executable, "-m", "mypy", "--strict", "--python-executable", inside)
    config = ("--config-file", os.devnull, "--cache-dir", tmp_path / "cache")
    assert "no issues found" in run(*mypy, *config, "typed_use.py", cwd=tmp_path)


def test_wheel_holds_everything(dist: Path) -> None:
    with zipfile.ZipFile(the(dist, "*.whl")) as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(next(one for one in names if one.endswith("METADATA"))).decode()
    package = {one for one in names if one.startswith("oaktreemodel/")}
    for name in ("server_pb2.py", "server_pb2.pyi", "server_pb2_grpc.py", "server_pb2_grpc.pyi"):
        assert f"oaktreemodel/v1/{name}" in package
    for name in ("v1/server_sync.py", "v1/server_aio.py", "v1/service_config.json", "py.typed"):
        assert f"oaktreemodel/{name}" in package
    assert all(one in package or ".dist-info/" in one for one in names)
    assert "Requires-Python: >=3.11" in metadata
    assert any(one.endswith("licenses/LICENSE") for one in names)


def test_sdist_holds_no_generated_code(dist: Path) -> None:
    with tarfile.open(the(dist, "*.tar.gz")) as sdist:
        names = {one.partition("/")[2] for one in sdist.getnames()}
    assert "proto/oaktreemodel/v1/server.proto" in names
    assert "tests/typed_use.py" in names
    assert not [one for one in names if one.startswith("oaktreemodel/v1")]


def test_dependencies_begin_where_the_generated_code_does(dist: Path) -> None:
    from grpc_tools import grpc_version
    from oaktreemodel.v1 import server_pb2

    with zipfile.ZipFile(the(dist, "*.whl")) as wheel:
        name = next(one for one in wheel.namelist() if one.endswith("METADATA"))
        metadata = wheel.read(name).decode()
    generated = Path(server_pb2.__file__).read_text().splitlines()
    floor = next(line for line in generated if line.startswith("# Protobuf Python Version:"))
    assert f"protobuf<9,>={floor.split()[-1]}\n" in metadata
    assert f"grpcio>={grpc_version.VERSION}\n" in metadata
