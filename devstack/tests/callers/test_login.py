"""`oaktree login` on a real cloud."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from ..conftest import PROJECTS
from ..itself import Itself
from .conftest import (
    Connect,
    forbidden,
    refused_in_the_end,
)


def test_login(
    address: str,
    clouds_yaml: Path,
    connect: Connect,
    name: str,
    itself: Callable[[str], Itself],
    tmp_path: Path,
) -> None:
    user, path = itself("demo"), tmp_path / "credentials.yaml"
    oaktree = Path(sys.executable).with_name("oaktree")

    def login(called: str, *more: str) -> Any:
        """The one credential that there is then."""
        given = ("--clouds", str(clouds_yaml), "--cloud", PROJECTS["demo"], "--file", str(path))
        command = [str(oaktree), "login", address, *given, "--name", called, *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        written = yaml.safe_load(path.read_text())
        assert written["client_secret"] not in done.stdout + done.stderr
        [key] = user.called(name)
        assert key == ("application credential", written["client_id"])
        return user.identity.get_application_credential(user.user_id, key[1])

    first = login(f"{name}-1")
    # Keystone adds what a role implies.
    assert {role["name"] for role in first.roles} == {"member", "reader"}
    assert first.unrestricted is False
    ends = datetime.fromisoformat(first.expires_at).replace(tzinfo=UTC)
    assert timedelta(days=89) < ends - datetime.now(UTC) <= timedelta(days=90)
    client = connect(credentials=path)
    client.networks.create(name=name)
    assert client.networks.get(name).name == name
    client.networks.delete(name)

    second = login(f"{name}-2", "--read-only", "--days", "1")
    assert [role["name"] for role in second.roles] == ["reader"]
    refused_in_the_end(partial(client.flavors.get, "m1.tiny"), "CREDENTIALS_REFUSED")
    client = connect(credentials=path)
    assert "private" in {one.name for one in client.networks.list()}
    forbidden(partial(client.networks.create, name=name), "create_network")
    user.identity.delete_application_credential(user.user_id, second.id)
