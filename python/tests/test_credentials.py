"""Where credentials come from, and what is said of those that are wrong; never what they are."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest
from conftest import Connect
from fake import Oaktree
from oaktreemodel import _credentials, v1
from oaktreemodel._address import parse
from oaktreemodel._channel import prepare
from oaktreemodel._credentials import Credentials, find

CANARY = "c4nary"
THERE = "oaktree.example.com:50051"
GOOD = f"address: {THERE}\nclient_id: file-id\nclient_secret: {CANARY}\n"


def write(path: Path, text: str = GOOD) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.fixture
def stored(home: Path) -> Path:
    """A credentials file where it is looked for."""
    return write(home / ".config" / "oaktree" / "credentials.yaml")


def who(found: Credentials) -> str | None:
    return found.token or found.client_id


def test_arguments_win_over_the_environment_and_that_over_the_file(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Credentials(address=THERE)
    assert who(find(given, None)) == "file-id"
    monkeypatch.setenv("OAKTREE_TOKEN", "environ-token")
    assert who(find(given, None)) == "environ-token"
    monkeypatch.delenv("OAKTREE_TOKEN")
    monkeypatch.setenv("OAKTREE_CLIENT_ID", "environ-id")
    monkeypatch.setenv("OAKTREE_CLIENT_SECRET", CANARY)
    assert who(find(given, None)) == "environ-id"
    assert who(find(Credentials(address=THERE, token="token"), None)) == "token"
    known = find(Credentials(address=THERE, client_id="id", client_secret="s"), None)
    assert (known.client_id, known.client_secret) == ("id", "s")


def test_a_credential_is_taken_whole(monkeypatch: pytest.MonkeyPatch, stored: Path) -> None:
    monkeypatch.setenv("OAKTREE_TOKEN", "environ-token")
    found = find(Credentials(), None)
    assert (found.token, found.client_id, found.client_secret) == ("environ-token", None, None)


def test_cloud_and_authority_are_found_alike(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(stored, f"{GOOD}cloud: file-cloud\nca: certificates/ca.pem\n")
    found = find(Credentials(address=THERE), None)
    assert (found.cloud, found.ca) == ("file-cloud", f"{stored.parent}/certificates/ca.pem")
    monkeypatch.setenv("OAKTREE_CLOUD", "environ-cloud")
    monkeypatch.setenv("OAKTREE_CA", "environ.pem")
    found = find(Credentials(address=THERE), None)
    assert (found.cloud, found.ca) == ("environ-cloud", "environ.pem")
    found = find(Credentials(address=THERE, cloud="cloud", ca=b"pem"), None)
    assert (found.cloud, found.ca) == ("cloud", b"pem")
    write(stored, f"{GOOD}ca: /etc/ca.pem\n")
    monkeypatch.delenv("OAKTREE_CA")
    assert find(Credentials(address=THERE), None).ca == "/etc/ca.pem"


def test_where_the_address_comes_from(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(Credentials(), None).address == THERE
    monkeypatch.setenv("OAKTREE_ADDRESS", "other.example.com")
    found = find(Credentials(), None)
    assert (found.address, who(found)) == ("other.example.com", None)
    assert find(Credentials(address="third.example.com"), None).address == "third.example.com"
    monkeypatch.delenv("OAKTREE_ADDRESS")
    stored.unlink()
    way = prepare(Credentials(), None, insecure=False, cert=None, key=None, options=())
    assert way.endpoint.address == "localhost:50051"


def test_an_address_is_read_from_the_environment(
    connect: Connect, oaktree: Oaktree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAKTREE_ADDRESS", oaktree.address)
    monkeypatch.setenv("OAKTREE_TOKEN", "token")
    monkeypatch.setenv("OAKTREE_CLOUD", "my cloud")
    oaktree.answer("GetServer", v1.GetServerResponse())
    connect().servers.get("web")
    call = oaktree.only_call("GetServer")
    assert (call.token, call.metadata["oaktree-cloud"]) == ("token", "my cloud")


@pytest.mark.parametrize("name", ["TOKEN", "CREDENTIALS", "CLOUD"])
def test_the_environment_of_another_address_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("OAKTREE_ADDRESS", "other.example.com")
    named = str(write(tmp_path / "named.yaml"))
    monkeypatch.setenv(f"OAKTREE_{name}", named if name == "CREDENTIALS" else CANARY)
    assert find(Credentials(address="localhost"), None) == Credentials(address="localhost")
    # Not even read: what is wrong in it is no concern of this address.
    monkeypatch.setenv("OAKTREE_CLIENT_ID", "id")
    assert find(Credentials(address="localhost"), None) == Credentials(address="localhost")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (THERE, "oaktree.example.com", True),
        (THERE, "https://Oaktree.Example.com:50051/", True),
        (THERE, "https://oaktree.example.com", False),
        (THERE, "oaktree.example.com:50052", False),
        (THERE, "example.com:50051", False),
        ("localhost:50051", "127.0.0.1:50051", False),
        ("unix:/run/oaktree.sock", "unix:///run/./x/..//oaktree.sock", True),
        ("unix://///run/oaktree.sock", "unix:/run/oaktree.sock", True),
        ("unix:/run/oaktree.sock", "unix:/run/other.sock", False),
    ],
)
def test_which_addresses_mean_the_same(stored: Path, one: str, other: str, same: bool) -> None:
    write(stored, GOOD.replace(THERE, one))
    assert who(find(Credentials(address=other), None)) == ("file-id" if same else None)
    assert (parse(one).place == parse(other).place) is same


def test_a_file_that_is_given_is_read_in_any_case(stored: Path) -> None:
    write(stored, f"{GOOD}cloud: file-cloud\n")
    found = find(Credentials(address=THERE, token="token"), stored)
    assert found == Credentials(address=THERE, token="token", cloud="file-cloud")
    with pytest.raises(ValueError, match="another address"):
        find(Credentials(address="localhost", token="token"), stored)
    with pytest.raises(FileNotFoundError, match="none"):
        find(Credentials(address=THERE, token="token"), stored.parent / "none")


@pytest.mark.parametrize("address", [None, THERE])
@pytest.mark.parametrize(
    "environ",
    [
        {"TOKEN": CANARY},
        {"CLIENT_ID": "environ-id", "CLIENT_SECRET": CANARY},
        # Good for another address: nothing of it is used, nor does it send the file there.
        {"TOKEN": CANARY, "ADDRESS": "other.example.com"},
        # Not even read, where another takes its place.
        {"CREDENTIALS": "/none.yaml"},
    ],
)
def test_a_file_that_is_given_goes_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str | None, environ: dict[str, str]
) -> None:
    for name, value in {"CLOUD": "environ-cloud", "CA": "environ.pem", **environ}.items():
        monkeypatch.setenv(f"OAKTREE_{name}", value)
    given = write(tmp_path / "given.yaml", f"{GOOD}cloud: file-cloud\nca: ca.pem\n")
    found = find(Credentials(address=address), given)
    assert (found.address, found.token, found.client_id) == (address or THERE, None, "file-id")
    assert (found.cloud, found.ca) == ("file-cloud", str(tmp_path / "ca.pem"))
    found = find(Credentials(address=address, token="token", cloud="cloud", ca="ca"), given)
    assert (who(found), found.client_id, found.cloud, found.ca) == ("token", None, "cloud", "ca")


def test_what_a_file_that_is_given_lacks_the_environment_has(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAKTREE_TOKEN", "environ-token")
    monkeypatch.setenv("OAKTREE_CLOUD", "environ-cloud")
    found = find(Credentials(), stored)
    assert (who(found), found.cloud) == ("file-id", "environ-cloud")
    monkeypatch.setenv("OAKTREE_ADDRESS", "other.example.com")
    assert find(Credentials(), stored).cloud is None


def test_a_file_that_the_environment_names_goes_after_what_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = write(tmp_path / "named.yaml", f"{GOOD}cloud: file-cloud\n")
    monkeypatch.setenv("OAKTREE_CREDENTIALS", str(named))
    monkeypatch.setenv("OAKTREE_TOKEN", "environ-token")
    monkeypatch.setenv("OAKTREE_CLOUD", "environ-cloud")
    found = find(Credentials(), None)
    assert (found.address, who(found), found.cloud) == (THERE, "environ-token", "environ-cloud")


def test_where_the_file_is(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def user() -> str | None:
        return who(find(Credentials(address=THERE), None))

    assert user() is None
    write(home / ".config/oaktree/credentials.yaml", GOOD.replace("file-id", "home"))
    assert user() == "home"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert user() == "home"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert user() is None
    write(tmp_path / "xdg/oaktree/credentials.yaml", GOOD.replace("file-id", "xdg"))
    assert user() == "xdg"
    named = write(tmp_path / "named.yaml", GOOD.replace("file-id", "named"))
    monkeypatch.setenv("OAKTREE_CREDENTIALS", str(named))
    assert user() == "named"
    given = write(tmp_path / "given.yaml", GOOD.replace("file-id", "given"))
    assert who(find(Credentials(address=THERE), given)) == "given"


def test_a_file_that_is_named_must_be_there_and_of_this_address(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.yaml"):
        connect(credentials=tmp_path / "none.yaml")
    named = write(tmp_path / "named.yaml")
    with pytest.raises(ValueError, match=r"named\.yaml is for another address than 'localhost'"):
        connect("localhost", credentials=named)
    monkeypatch.setenv("OAKTREE_CREDENTIALS", str(named))
    with pytest.raises(ValueError, match=r"named\.yaml is for another address than 'localhost'"):
        connect("localhost")


WRONG = [
    ("", "is not a mapping"),
    (f"- {CANARY}", "is not a mapping"),
    (CANARY, "is not a mapping"),
    (f"{GOOD}client-secret: {CANARY}", "line 4: unknown key client-secret; known are address"),
    (f"{GOOD}token: {CANARY}", "line 4: unknown key token"),
    (f"{GOOD}{CANARY}: x", "line 4: unknown key there"),
    (f"{GOOD}[{CANARY}]: x", "line 4: unknown key there"),
    (f"{GOOD}client_secret: {CANARY}", "line 4: client_secret is given twice"),
    (f"{GOOD}cloud: 1", "line 4: cloud is not a string"),
    (f"{GOOD}cloud:", "line 4: cloud is not a string"),
    (f"{GOOD}cloud: [{CANARY}]", "line 4: cloud is not a string"),
    (f"{GOOD}cloud: 2026-13-45", "line 4: cloud is not a string"),
    (f"{GOOD}cloud: !{CANARY} x", "line 4: cloud is not a string"),
    (f'{GOOD}cloud: "{CANARY}\\u00e4"', "cloud is empty, or holds"),
    (f"{GOOD}cloud: ''", "cloud is empty, or holds"),
    (f"{GOOD}cloud: '{CANARY}", "line 4: this is not YAML"),
    (f"{GOOD}cloud: *{CANARY}", "line 4: this is not YAML"),
    (f"client_secret: %{CANARY}", "line 1: this is not YAML"),
    (GOOD.replace(f"address: {THERE}\n", ""), "address is missing or empty"),
    (GOOD.replace("file-id", "''"), "client_id is missing or empty"),
    (GOOD.replace(CANARY, "''"), "client_secret is missing or empty"),
    (GOOD.replace("client_secret", "ca"), "client_secret is missing or empty"),
    (GOOD.replace(CANARY, f'"{CANARY}\\n"'), "client_secret is empty, or holds"),
    (GOOD.replace(THERE, f"ftp://{CANARY}"), "address is none"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_said_of_a_wrong_file(stored: Path, text: str, said: str) -> None:
    write(stored, text)
    with pytest.raises(ValueError, match=said) as caught:
        find(Credentials(address=THERE), None)
    assert str(caught.value).startswith(str(stored))
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_bytes_that_are_no_text(stored: Path) -> None:
    stored.write_bytes(GOOD.encode() + b"cloud: \xff")
    with pytest.raises(ValueError, match="this is not YAML"):
        find(Credentials(address=THERE), None)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_can_read_is_not_used(connect: Connect, stored: Path, mode: int) -> None:
    stored.chmod(mode)
    with pytest.raises(ValueError, match=rf"others can read or change .* chmod 600 {stored}$"):
        connect(THERE)


def test_what_belongs_together_and_what_does_not(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="token and client_id exclude each other"):
        connect(THERE, token=CANARY, client_id="id", client_secret=CANARY)
    with pytest.raises(ValueError, match="client_id and client_secret belong together"):
        connect(THERE, client_id="id")
    with pytest.raises(ValueError, match="client_id and client_secret belong together"):
        connect(THERE, client_secret=CANARY)
    monkeypatch.setenv("OAKTREE_CLIENT_ID", "id")
    with pytest.raises(ValueError, match="OAKTREE_CLIENT_ID and OAKTREE_CLIENT_SECRET belong"):
        connect(THERE)
    monkeypatch.setenv("OAKTREE_TOKEN", CANARY)
    with pytest.raises(ValueError, match="OAKTREE_TOKEN and OAKTREE_CLIENT_ID exclude"):
        connect(THERE)


@pytest.mark.parametrize("token", ["", " ", f"{CANARY}\n", f" {CANARY}", f"{CANARY}\u00e4"])
def test_what_cannot_be_a_token(connect: Connect, token: str) -> None:
    with pytest.raises(ValueError, match=r"^token is empty, or holds characters") as caught:
        connect(THERE, token=token)
    assert CANARY not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    assert CANARY not in repr(Credentials(token=CANARY, client_secret=CANARY))


@pytest.mark.parametrize(
    "given",
    [{"token": CANARY}, {"client_id": "id", "client_secret": CANARY}, {"credentials": "file"}],
)
@pytest.mark.parametrize("way", [{"address": f"http://{THERE}"}, {"insecure": True}])
def test_credentials_are_not_sent_over_plaintext(
    connect: Connect, tmp_path: Path, given: dict[str, Any], way: dict[str, Any]
) -> None:
    if "credentials" in given:
        given = {"credentials": write(tmp_path / "file")}
    with pytest.raises(ValueError, match="not sent without TLS beyond this machine") as caught:
        connect(**{"address": THERE, **way, **given})
    assert CANARY not in str(caught.value)


def test_what_cannot_be_an_address(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAKTREE_ADDRESS", "ftp://here")
    for address in (None, THERE):
        with pytest.raises(ValueError, match="OAKTREE_ADDRESS: 'ftp://here' is not host:port"):
            connect(address)


def test_an_authority_that_is_found_asks_for_no_tls(
    connect: Connect, oaktree: Oaktree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAKTREE_CA", "/none.pem")
    oaktree.answer("GetServer", v1.GetServerResponse())
    connect(oaktree.address).servers.get("web")
    with pytest.raises(FileNotFoundError):
        connect(f"https://{oaktree.address}")


def test_where_there_are_none_plaintext_may_be_asked_for(connect: Connect) -> None:
    connect(f"http://{THERE}", cloud="one")


def test_the_reader_of_files_is_not_loaded_for_nothing(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: str) -> Credentials:
        raise AssertionError("nobody asked for a file")

    monkeypatch.setattr(_credentials, "_read", read)
    connect("localhost")
    connect(THERE, token="token")
