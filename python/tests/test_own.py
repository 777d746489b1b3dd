"""One's own oaktree leaves its token in a file, and both clients find it there by themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest
from conftest import Connect
from fake import REFUSED, Oaktree, endless
from oaktreemodel import v1

TOKEN = "c4nary-token"


@pytest.fixture
def guarded(oaktree: Oaktree) -> Oaktree:
    """A server that wants its token, which nobody has yet."""
    oaktree.tokens = {TOKEN}
    oaktree.answer("GetServer", v1.GetServerResponse(server=v1.Server(id="1")))
    return oaktree


def state(home: Path) -> Path:
    return home / ".local" / "state"


def leave(folder: Path, name: str | int, token: str = TOKEN) -> Path:
    """Write a token as a server does."""
    file = folder / "oaktree" / str(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{token}\n")
    file.chmod(0o600)
    return file


def get(client: Any) -> str:
    return str(client.servers.get("web").id)


def test_it_is_found(connect: Connect, guarded: Oaktree, home: Path) -> None:
    leave(state(home), guarded.port)
    assert get(connect(guarded.address)) == "1"
    assert get(connect(f"127.0.0.1:{guarded.port}")) == "1"
    assert "oaktree-cloud" not in guarded.calls["GetServer"][0].metadata


def test_it_is_found_in_the_runtime_folder(
    connect: Connect, guarded: Oaktree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    leave(tmp_path / "run", guarded.port)
    assert get(connect(guarded.address)) == "1"


@pytest.mark.parametrize("newest", ["run", "state"])
def test_of_two_the_newest_is_taken(
    connect: Connect,
    guarded: Oaktree,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    newest: str,
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    for name, folder in (("run", tmp_path / "run"), ("state", state(home))):
        is_newest = name == newest
        file = leave(folder, guarded.port, TOKEN if is_newest else "of-a-server-that-was-killed")
        os.utime(file, (2_000_000_000, 2_000_000_000 if is_newest else 1_000_000_000))
    assert get(connect(guarded.address)) == "1"
    assert len(guarded.calls["GetServer"]) == 1


def test_a_runtime_folder_that_is_no_path_is_none(
    connect: Connect, guarded: Oaktree, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "run")
    monkeypatch.chdir(home)
    leave(home / "run", guarded.port)
    with pytest.raises(oaktreemodel.Unauthenticated):
        get(connect(guarded.address))


@pytest.mark.parametrize("written", ["{}/100%/oaktree.sock", "{}//x/.././100%/oaktree.sock"])
def test_it_is_found_for_a_socket(
    connect: Connect, home: Path, tmp_path: Path, written: str
) -> None:
    (tmp_path / "100%").mkdir()
    socket = f"{tmp_path}/100%/oaktree.sock"
    server = Oaktree(listen=f"unix:{socket}")
    server.tokens = {TOKEN}
    server.answer("GetServer", v1.GetServerResponse(server=v1.Server(id="1")))
    leave(state(home), socket.replace("%", "%25").replace("/", "%2F"))
    (tmp_path / "x").mkdir()
    assert get(connect(f"unix:{written.format(tmp_path)}")) == "1"
    server.stop()


def test_without_it_none_is_sent_and_the_error_says_where_it_was_looked_for(
    connect: Connect,
    guarded: Oaktree,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    client = connect(guarded.address)
    with pytest.raises(oaktreemodel.Unauthenticated) as caught:
        get(client)
    assert caught.value.message.startswith("who are you; no token was sent")
    assert caught.value.reason == "UNAUTHENTICATED"
    for folder in (tmp_path / "run", state(home)):
        assert f"{folder}/oaktree/{guarded.port}" in caught.value.message
    # Another's oaktree may be behind an address of this machine.
    assert f"{home}/.config/oaktree/credentials.yaml" in caught.value.message
    assert "authorization" not in guarded.only_call("GetServer").metadata
    # A server that asks nobody needs none.
    guarded.tokens = None
    assert get(client) == "1"


def test_it_is_read_again_when_it_is_refused(
    connect: Connect, guarded: Oaktree, home: Path
) -> None:
    leave(state(home), guarded.port)
    client = connect(guarded.address)
    assert get(client) == "1"
    guarded.tokens = {"of-the-server-that-was-started-again"}
    with pytest.raises(oaktreemodel.Unauthenticated) as caught:
        get(client)
    assert caught.value.message == "who are you"
    assert len(guarded.calls["GetServer"]) == 2
    leave(state(home), guarded.port, "of-the-server-that-was-started-again")
    assert get(client) == "1"
    assert len(guarded.calls["GetServer"]) == 4


def test_it_is_taken_when_it_comes_later(connect: Connect, guarded: Oaktree, home: Path) -> None:
    client = connect(guarded.address)
    with pytest.raises(oaktreemodel.Unauthenticated):
        get(client)
    leave(state(home), guarded.port)
    assert get(client) == "1"


def test_nothing_is_sent_again_when_it_was_removed(
    connect: Connect, guarded: Oaktree, home: Path
) -> None:
    file = leave(state(home), guarded.port, "old")
    client = connect(guarded.address)

    def vanish(request: Any, context: Any) -> v1.GetServerResponse:
        file.unlink()
        return v1.GetServerResponse()

    guarded.answer("GetServer", vanish)
    guarded.tokens = {"old"}
    get(client)
    guarded.tokens = {TOKEN}
    with pytest.raises(oaktreemodel.Unauthenticated):
        get(client)
    assert len(guarded.calls["GetServer"]) == 2


def test_a_watch_outlives_the_server_and_its_token(connect: Connect, home: Path) -> None:
    def told(name: str) -> v1.WatchServersResponse:
        return v1.WatchServersResponse(servers=[v1.Server(id=name, name=name)])

    first = Oaktree()
    first.tokens = {"first"}
    leave(state(home), first.port, "first")
    first.answer("WatchServers", endless(told("a")))
    events = connect(first.address).servers.watch()
    assert next(events).name == "a"
    leave(state(home), first.port, "second")
    first.stop()
    second = Oaktree(listen=first.address)
    second.tokens = {"second"}
    second.answer("WatchServers", endless(told("b")))
    try:
        assert next(events).kind == "failed"
        assert next(events).name == "b"
        assert [call.token for call in second.calls["WatchServers"]] == ["first", "second"]
    finally:
        second.stop()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_one_that_others_can_read_is_not_used(
    connect: Connect, guarded: Oaktree, home: Path, mode: int
) -> None:
    file = leave(state(home), guarded.port)
    file.chmod(mode)
    client = connect(guarded.address)
    with pytest.raises(oaktreemodel.Unauthenticated, match=f"chmod 600 {file}$") as caught:
        get(client)
    assert TOKEN not in str(caught.value)
    assert "GetServer" not in guarded.calls
    file.chmod(0o600)
    assert get(client) == "1"


def test_one_of_another_user_is_not_used(
    connect: Connect, guarded: Oaktree, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = leave(state(home), guarded.port)
    # As if it were somebody else who looks: neither its owner nor root.
    owner = file.stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    if owner == 0:
        os.chown(file, 12345, -1)
    with pytest.raises(oaktreemodel.Unauthenticated, match=f"another user.* chmod 600 {file}$"):
        get(connect(guarded.address))


@pytest.mark.parametrize("content", ["", "\n", f"{TOKEN}\n{TOKEN}", f"{TOKEN}\x00", f"{TOKEN}ä"])
def test_what_is_no_token_is_not_sent(
    connect: Connect, guarded: Oaktree, home: Path, content: str
) -> None:
    leave(state(home), guarded.port).write_text(content)
    with pytest.raises(oaktreemodel.Unauthenticated, match="holds no token") as caught:
        get(connect(guarded.address))
    assert TOKEN not in str(caught.value)


def test_given_credentials_are_taken_instead(
    connect: Connect, guarded: Oaktree, home: Path
) -> None:
    leave(state(home), guarded.port)
    guarded.answer("GetServer", REFUSED)
    with pytest.raises(oaktreemodel.Unauthenticated):
        get(connect(guarded.address, token="given"))
    assert guarded.only_call("GetServer").token == "given"
