"""Credentials and tokens that callers bring: how they are found, and how they end."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from ..conftest import SERVER, deployed
from ..counting import counting
from ..itself import Itself
from .conftest import (
    Connect,
    Make,
    forbidden,
    is_forbidden,
    listed,
    refused_in_the_end,
    secret,
    synced,
    unauthenticated,
)


@pytest.mark.parametrize("where", ["arguments", "environment", "file", "file that is named"])
def test_where_a_client_finds_its_credential(
    address: str,
    connect: Connect,
    credential: Make,
    itself: Callable[[str], Itself],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    shown = secret(credential("demo"))
    if where == "arguments":
        client = connect(**shown)
    elif where == "environment":
        for key, value in {"address": address, **shown}.items():
            monkeypatch.setenv(f"OAKTREE_{key.upper()}", value)
        client = connect(None)
    else:
        path = tmp_path / "oaktree" / "credentials.yaml"
        path.parent.mkdir()
        path.touch(0o600)
        path.write_text(yaml.safe_dump({"address": address, **shown}))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path if where == "file" else address))
        client = connect(None) if where == "file" else connect(credentials=path)
    [private] = [one for one in client.networks.list() if one.name == "private"]
    assert private.location.project.id == itself("demo").project_id


def test_a_token_in_exchange(
    connect: Connect, credential: Make, itself: Callable[[str], Itself]
) -> None:
    anybody = connect()
    made = anybody.auth.create_token_with_secrets(**secret(credential("demo")))
    assert made.token.location.cloud == "devstack"
    assert made.token.location.project.id == itself("demo").project_id
    assert made.token.location.project.name == "demo"
    assert made.expires_in_seconds > 0
    assert made.token.expires_at.ToSeconds() > time.time()
    assert connect(token=made.access_token.value).flavors.get("m1.tiny").vcpus == 1


def test_a_wrong_secret(connect: Connect, credential: Make) -> None:
    one = credential("demo")
    for shown in (
        {"client_id": one.id, "client_secret": "wrong"},
        {"client_id": "wrong", "client_secret": one.secret},
    ):
        client = connect(**shown)
        for call in (
            partial(client.flavors.get, "m1.tiny"),
            partial(client.ports.create, network="private"),
            partial(client.auth.create_token, **shown),
        ):
            error = unauthenticated(call, "CREDENTIALS_REFUSED")
            assert not any(value in str(error) for value in shown.values() if value != "wrong")


def test_a_credential_of_fewer_roles(connect: Connect, credential: Make, name: str) -> None:
    client = connect(**secret(credential("demo", roles=[{"name": "reader"}])))
    assert "private" in {one.name for one in client.networks.list()}
    forbidden(partial(client.ports.create, network="private", name=name), "create_port")


def test_a_credential_that_ends(connect: Connect, credential: Make) -> None:
    """A token that came of it goes with it, and so do its streams."""
    ends = datetime.now(UTC) + timedelta(seconds=15)
    one = credential("demo", expires_at=ends.strftime("%Y-%m-%dT%H:%M:%SZ"))
    client = connect(**secret(one))
    made = client.auth.create_token(**secret(one))
    # Keystone's own answer says that it lasts a day.
    assert made.expires_at.ToDatetime(UTC) < ends + timedelta(minutes=1)
    events = client.ports.watch(timeout=300)
    synced(events)
    unauthenticated(lambda: list(events), "CREDENTIALS_REFUSED")
    refused_in_the_end(partial(client.flavors.get, "m1.tiny"), "CREDENTIALS_REFUSED")


def test_a_credential_that_is_deleted_while_in_use(
    connect: Connect, credential: Make, itself: Callable[[str], Itself]
) -> None:
    user, one = itself("demo"), credential("demo")
    client = connect(**secret(one))
    token = client.auth.create_token_with_secrets(**secret(one)).access_token.value
    bearer = connect(token=token)
    watches = [each.ports.watch(timeout=300) for each in (client, bearer)]
    for events in watches:
        synced(events)
    user.identity.delete_application_credential(user.user_id, one)
    unauthenticated(lambda: list(watches[0]), "CREDENTIALS_REFUSED")
    unauthenticated(lambda: list(watches[1]), "UNAUTHENTICATED")
    refused_in_the_end(partial(client.flavors.get, "m1.tiny"), "CREDENTIALS_REFUSED")
    refused_in_the_end(partial(bearer.flavors.get, "m1.tiny"), "UNAUTHENTICATED")


def test_a_token_that_is_revoked(
    connect: Connect, name: str, itself: Callable[[str], Itself]
) -> None:
    user = itself("demo")
    tokens = [user.token() for _ in range(2)]
    one, two = (connect(token=token) for token in tokens)
    assert one.flavors.get("m1.tiny").id == two.flavors.get("m1.tiny").id
    gone, stays = (client.ports.watch(timeout=300) for client in (one, two))
    synced(gone)
    synced(stays)
    user.revoke(tokens[0])
    unauthenticated(lambda: list(gone), "UNAUTHENTICATED")
    refused_in_the_end(partial(one.flavors.get, "m1.tiny"), "UNAUTHENTICATED")
    # The same user's other token is as good as before, and so is what was begun with it.
    port = two.ports.create(network="private", name=name)
    assert next(event for event in stays if event.id == port.id).kind == "changed"
    two.ports.delete(name)


def test_a_token_is_revoked_and_another_takes_its_place(
    connect: Connect, credential: Make, name: str, itself: Callable[[str], Itself]
) -> None:
    """A credential outlives its tokens: whoever has one misses nothing."""
    client = connect(**secret(credential("demo")))
    events = client.ports.watch(where={"name": name}, timeout=300)
    synced(events)
    [(_, shown)] = client.metadata()
    itself("demo").revoke(shown.removeprefix("Bearer "))
    bearer = connect(token=shown.removeprefix("Bearer "))
    refused_in_the_end(partial(bearer.flavors.get, "m1.tiny"), "UNAUTHENTICATED")
    port = client.ports.create(network="private", name=name)
    assert next(event for event in events if event.id == port.id).kind in ("changed", "present")
    [(_, renewed)] = client.metadata()
    assert renewed != shown
    client.ports.delete(name)
    assert next(event for event in events if event.kind == "removed").id == port.id


def test_a_token_of_no_project(connect: Connect, auth: dict[str, Any]) -> None:
    user = {
        "name": auth["username"],
        "domain": {"id": auth["user_domain_id"]},
        "password": auth["password"],
    }
    identity = {"methods": ["password"], "password": {"user": user}}
    answer = requests.post(
        f"{auth['auth_url']}/auth/tokens",
        json={"auth": {"identity": identity, "scope": "unscoped"}},
        timeout=60,
    )
    client = connect(token=answer.headers["X-Subject-Token"])
    for call in (lambda: list(client.networks.list()), partial(client.flavors.get, "m1.tiny")):
        assert "for no project" in unauthenticated(call, "CREDENTIALS_REFUSED").message


def test_a_credential_under_access_rules(
    auth: dict[str, Any], connect: Connect, credential: Make, name: str, tmp_path: Path
) -> None:
    """A service answers what no rule allows as it answers a wrong token. So the identity service
    is asked again, but not for every such call."""
    rules = [
        {"service": "compute", "method": "GET", "path": "/v2.1/flavors/**"},
        {"service": "network", "method": "GET", "path": "/v2.0/networks"},
    ]
    one = credential("demo", access_rules=rules)
    with counting(auth["auth_url"]) as identity, deployed(tmp_path, identity.url) as where:
        client = connect(where, **secret(one))
        begun = time.monotonic()
        assert "m1.tiny" in {flavor.name for flavor in client.flavors.list()}
        assert "private" in {network.name for network in client.networks.list()}
        # A watch goes on, and the server asks again now and then.
        events = client.ports.watch(timeout=300)
        is_forbidden(next(events).failure, "requires authentication")
        for _ in range(10):
            for collection in ("servers", "images", "volumes", "ports", "keypairs"):
                forbidden(partial(listed, getattr(client, collection)), "access rules")
            for create in (
                partial(client.ports.create, network="private"),
                partial(client.servers.create, **SERVER),
            ):
                forbidden(partial(create, name=name), "requires authentication")
        # Before the server ends: gRPC calls it an error to be left while it tells of its end.
        events.close()
        assert "m1.tiny" in {flavor.name for flavor in listed(client.flavors)}
        # Once to begin with, once in thirty seconds anyway, and once in five for all refusals.
        seconds = time.monotonic() - begun
        assert identity.asked["GET /auth/tokens"] <= 2 + seconds / 30 + seconds / 5
        assert identity.asked["POST /OS-OAUTH2/token"] == 1
