"""The look through all that is said, which every run of these tests ends with, finds what it is
for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

CONFTEST = """
from tests.secrets_plugin import Secrets

def pytest_configure(config):
    config.pluginmanager.register(Secrets(), "secrets")
"""
# Each leaks another secret in another way, but for the last.
TESTS = """
import asyncio, gc, logging, subprocess, sys, warnings
import pytest
from oaktree.democloud import DemoCloud
from oaktree.errors import not_found
from oaktree.tokenfile import TokenFile

@pytest.fixture(scope="session")
def cloud():
    with DemoCloud.start(names=["modern"]) as demo:
        yield demo

@pytest.fixture
def secret(cloud):
    return cloud.application_credential("modern")[1]

def test_log(secret):
    logging.getLogger("any").debug("x%sy", secret)

def test_exception_in_log(secret):
    try:
        raise ValueError(secret)
    except ValueError:
        logging.getLogger("grpc").exception("oh")

def test_status(secret):
    not_found("server", secret).status()

def test_print(secret):
    print(secret)

def test_stderr(secret):
    print(secret, file=sys.stderr)

def test_process(secret):
    subprocess.run([sys.executable, "-c", f"print('{secret}')"], capture_output=True)

def test_line_of_process(secret):
    with subprocess.Popen([sys.executable, "-c", f"print('{secret}')"], stdout=-1) as process:
        process.stdout.readline()

def test_file_of_process(secret, tmp_path):
    with (tmp_path / "log").open("w") as log:
        subprocess.run([sys.executable, "-c", f"print('{secret}')"], stdout=log)

def test_warning(secret):
    warnings.warn(secret)

async def test_loop(secret):
    async def fail():
        raise ValueError(secret)
    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    del task
    gc.collect()

def test_own_token():
    logging.info(TokenFile().token)

def test_password(cloud):
    logging.info(cloud.clouds_yaml()["clouds"]["modern"]["auth"]["password"])

def test_silence(secret):
    logging.info(secret[:10])
    logging.getLogger("urllib3").debug(secret)
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_leaks.py").write_text(TESTS)
    server = Path(__file__).parent.parent
    path = os.pathsep.join([str(server), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", "/dev/null", "-o", "asyncio_mode=auto"),
            *("-p", "no:cacheprovider", f"--rootdir={folder}", str(folder), *arguments),
        ],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "XDG_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_every_way_out_is_seen(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    tests = re.findall(r"def (test_\w+)", TESTS)
    leaking = {name for name in tests if name not in ("test_silence", "test_file_of_process")}
    found = re.findall(r"^SECRET .{4}\.\.\. in (.*) of (.*)$", done.stdout, re.MULTILINE)
    assert {where.rpartition("::")[2] for _, where in found} == leaking | {"the whole run"}
    # What a process wrote into a file is found in it.
    assert next(what for what, where in found if where == "the whole run").startswith("the log /")


def test_nothing_is_seen_where_nothing_is(tmp_path: Path) -> None:
    done = run(tmp_path, "-k", "silence")
    assert (done.returncode, "SECRET" in done.stdout) == (0, False), done.stdout
