"""A deployer's oaktree before the real OpenStack, and callers with credentials of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest
import yaml

from ..calls import Calls
from ..conftest import deployed, nothing_left
from ..itself import Itself, eventually

Connect = Callable[..., oaktreemodel.Client]
Make = Callable[..., Any]


@pytest.fixture(scope="package")
def auth(clouds_yaml: Path) -> dict[str, Any]:
    """How user demo logs in."""
    found: dict[str, Any] = yaml.safe_load(clouds_yaml.read_text())["clouds"]["devstack"]["auth"]
    return found


@pytest.fixture(scope="package")
def address(auth: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The deployer's oaktree, which takes the cloud's word for a second."""
    limits = {"token_check_seconds": 1, "wrong_tokens_per_peer_per_minute": 10_000}
    with deployed(tmp_path_factory.mktemp("deployed"), auth["auth_url"], **limits) as where:
        yield where


@pytest.fixture
def connect(address: str, calls: Calls) -> Iterator[Connect]:
    """Makes clients of it, with credentials or an address of their own."""
    with ExitStack() as after, calls.counted():

        def connected(where: str | None = address, **credentials: Any) -> oaktreemodel.Client:
            return after.enter_context(oaktreemodel.connect(where, **credentials))

        yield connected


@pytest.fixture
def name(name: str, itself: Callable[[str], Itself]) -> Iterator[str]:
    """Callers may be of these projects whatever fixtures a test takes."""
    yield name
    nothing_left(name, itself, "demo", "other")


@pytest.fixture
def credential(name: str, itself: Callable[[str], Itself]) -> Iterator[Make]:
    """Makes application credentials of a project's user, and deletes them in the end, if that is
    still to be done."""
    made: list[tuple[Itself, Any]] = []

    def make(project: str, **how: Any) -> Any:
        user = itself(project)
        one = user.identity.create_application_credential(
            user.user_id, f"{name}-{len(made)}", **how
        )
        made.append((user, one))
        return one

    yield make
    for user, one in made:
        user.identity.delete_application_credential(user.user_id, one, ignore_missing=True)
        for rule in one.access_rules or ():
            # They stay behind the credential that they were made with.
            user.identity.delete_access_rule(user.user_id, rule["id"])


@pytest.fixture
def demo(connect: Connect, credential: Make) -> oaktreemodel.Client:
    """User demo, with an application credential."""
    return connect(**secret(credential("demo")))


@pytest.fixture
def other(connect: Connect, credential: Make) -> oaktreemodel.Client:
    """A user of another project."""
    return connect(**secret(credential("other")))


@pytest.fixture
def reader(connect: Connect, itself: Callable[[str], Itself]) -> oaktreemodel.Client:
    """Another user of demo's project, who may read, with a token of the cloud's own."""
    return connect(token=itself("reader").token())


@pytest.fixture
def admin(connect: Connect, itself: Callable[[str], Itself]) -> oaktreemodel.Client:
    return connect(token=itself("admin").token())


def secret(credential: Any) -> dict[str, Any]:
    return {"client_id": credential.id, "client_secret": credential.secret}


def forbidden(call: Callable[[], Any], words: str) -> None:
    """A call is refused by the cloud, in the cloud's words, and not by an empty list."""
    with pytest.raises(oaktreemodel.OaktreeError) as caught:
        call()
    error = caught.value
    if isinstance(error, oaktreemodel.PartialFailure):
        [error] = error.failures
    is_forbidden(error, words)


def is_forbidden(error: oaktreemodel.OaktreeError | None, words: str) -> None:
    assert isinstance(error, oaktreemodel.PermissionDenied)
    assert (error.reason, error.cloud) == ("POLICY_FORBIDS", "devstack")
    assert words in error.message


def unauthenticated(call: Callable[[], Any], reason: str) -> oaktreemodel.Unauthenticated:
    with pytest.raises(oaktreemodel.Unauthenticated) as caught:
        call()
    assert caught.value.reason == reason
    return caught.value


def refused_in_the_end(call: Callable[[], Any], reason: str) -> None:
    """The credential is worth nothing any more; that takes a moment to be known."""

    def refused() -> list[str]:
        try:
            call()
        except oaktreemodel.Unauthenticated as error:
            return [error.reason]
        return []

    assert eventually(refused) == [reason]


def listed(things: Any) -> list[Any]:
    """As they are now."""
    return list(things.list(max_age=0))


def synced(events: Iterator[Any]) -> None:
    next(event for event in events if event.kind == "synced")
