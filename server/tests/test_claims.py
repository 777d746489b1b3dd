"""One thing for one request id, however many oaktrees are asked for it, and in whatever state they
leave each other."""

from __future__ import annotations

import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import oaktreemodel
import pytest
from oaktree.democloud import DemoCloud

from .conftest import Running, until
from .test_command import start, stop

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXbDdbvfWFxZzvvnzSC0vDLPxdWrC5u4qtVv0zvzcGU me"


@dataclass(frozen=True)
class Kind:
    """One resource: where it is made and kept in the cloud, and what to ask for."""

    path: str
    table: str
    arguments: dict[str, Any]
    # The argument that tells one from the others.
    label: str = "name"


KINDS = {
    "servers": Kind("/servers", "servers", {"image": "cirros", "flavor": "m1.tiny"}),
    "volumes": Kind("/volumes", "volumes", {"size_gib": 1}),
    "images": Kind("/images", "images", {}),
    "keypairs": Kind("/os-keypairs", "keypairs", {"public_key": KEY}),
    "networks": Kind("/networks", "networks", {"tags": ["a"]}),
    "ports": Kind("/ports", "ports", {"network": "private", "tags": ["a"]}),
    "floating_ips": Kind("/floatingips", "floatingips", {"tags": ["a"]}, "description"),
}
every_kind = pytest.mark.parametrize("collection", KINDS)


class Oaktrees:
    """Processes before the modern cloud, each with a client of its own."""

    def __init__(self, clouds_yaml: Path) -> None:
        self._clouds_yaml = clouds_yaml
        self._processes: list[subprocess.Popen[str]] = []
        self._clients: list[oaktreemodel.Client] = []

    def start(self) -> tuple[subprocess.Popen[str], Any]:
        process, address = start("--clouds", self._clouds_yaml, "--cloud", "modern")
        client = oaktreemodel.connect(address)
        self._processes.append(process)
        self._clients.append(client)
        return process, client.cloud("modern", region="east")

    def close(self) -> None:
        for client in self._clients:
            client.close()
        for process in self._processes:
            stop(process)


@pytest.fixture(scope="module")
def oaktrees(clouds_yaml: Path) -> Iterator[Oaktrees]:
    made = Oaktrees(clouds_yaml)
    yield made
    made.close()


@pytest.fixture(scope="module")
def three(oaktrees: Oaktrees) -> list[Any]:
    """The cloud through three oaktrees, which stay to the end."""
    return [oaktrees.start()[1] for _ in range(3)]


@pytest.fixture(scope="module")
def admin(clouds_yaml: Path) -> Iterator[Any]:
    """The demo project as another user sees it."""
    server = Running(clouds_yaml)
    with oaktreemodel.connect(server.address) as client:
        yield client.cloud("modern-admin", region="east", project="demo")
    server.stop()


def held(demo: DemoCloud, collection: str, label: str) -> list[str]:
    """The ids of what the cloud has of a kind and a label, whoever made it."""
    kind = KINDS[collection]
    return [
        item["name"] if collection == "keypairs" else item["id"]
        for item in demo.items("modern", "east", kind.table)
        if (item[kind.label] or "").split(" ")[0] == label
    ]


def claims(demo: DemoCloud) -> list[str]:
    names = [pair["name"] for pair in demo.items("modern", "east", "keypairs")]
    return [name for name in names if name.startswith("oaktree-")]


def creator(cloud: Any, collection: str, label: str, identifier: str) -> Callable[[], Any]:
    kind = KINDS[collection]
    arguments = {**kind.arguments, kind.label: label}
    create = getattr(cloud, collection).create
    return lambda: create(**arguments, request_id=identifier, timeout=60)


@every_kind
def test_asked_of_one_twice_at_once(three: list[Any], demo: DemoCloud, collection: str) -> None:
    create = creator(three[0], collection, "both", str(uuid.uuid4()))
    with ThreadPoolExecutor(2) as threads:
        made = [future.result() for future in [threads.submit(create) for _ in range(2)]]
    assert [one.id for one in made] == held(demo, collection, "both") * 2


@every_kind
def test_asked_of_three_at_once(three: list[Any], demo: DemoCloud, collection: str) -> None:
    for number in range(3):
        label, identifier = f"three-{number}", str(uuid.uuid4())
        users = []
        if collection != "keypairs":
            # Somebody's own, which looks just like it.
            users = [creator(three[0], collection, label, str(uuid.uuid4()))().id]
        ready = threading.Barrier(3)

        def create(cloud: Any, label: str = label, identifier: str = identifier) -> Any:
            ready.wait(60)  # noqa: B023
            return creator(cloud, collection, label, identifier)()

        with ThreadPoolExecutor(3) as threads:
            made = {one.id for one in threads.map(create, three)}
        assert len(made) == 1
        until(lambda: sorted(held(demo, collection, label)) == sorted([*users, *made]))  # noqa: B023


def test_restarted_while_the_first_are_on_their_way(
    oaktrees: Oaktrees, three: list[Any], demo: DemoCloud
) -> None:
    """Which then arrive, though nobody is there any more to be answered."""
    process, victim = oaktrees.start()
    identifiers = {collection: str(uuid.uuid4()) for collection in KINDS}
    demo.reset_calls()
    for kind in KINDS.values():
        demo.fault("modern", "late", method="POST", path=kind.path, region="east", seconds=3)
    with ThreadPoolExecutor(len(KINDS)) as threads:
        lost = [
            threads.submit(creator(victim, collection, "late", identifier))
            for collection, identifier in identifiers.items()
        ]
        until(lambda: all(_calls(demo, "POST", one) == 1 for one in KINDS))
        process.kill()
        for one in lost:
            with pytest.raises(oaktreemodel.Unavailable):
                one.result()
        repeated = {
            collection: threads.submit(creator(three[0], collection, "late", identifier))
            for collection, identifier in identifiers.items()
        }
    made = {collection: one.result() for collection, one in repeated.items()}
    for collection, one in made.items():
        if collection not in ("images", "keypairs"):
            # Else the first has not arrived yet.
            until(lambda: _calls(demo, "DELETE", collection, "/{id}") > 0)  # noqa: B023
        until(lambda: held(demo, collection, "late") == [one.id])  # noqa: B023
        if "tags" in KINDS[collection].arguments:
            assert list(one.tags) == ["a"]


def _calls(demo: DemoCloud, method: str, collection: str, more: str = "") -> int:
    services = {"servers": "compute", "keypairs": "compute", "volumes": "volume", "images": "image"}
    service = services.get(collection, "network")
    return demo.calls("modern")[f"{method} {service} {KINDS[collection].path}{more}"]


def test_of_two_that_nobody_chose_from_the_older_stays(three: list[Any], demo: DemoCloud) -> None:
    """Both of those who made them have ended since."""
    identifier = str(uuid.uuid4())
    made = creator(three[0], "networks", "two", identifier)()
    later = demo.item("modern", "east", "networks", made.id)["created_at"].replace("Z", ".5Z")
    demo.add("modern", "east", "networks", like=made.id, created_at=later)
    assert creator(three[1], "networks", "two", identifier)().id == made.id
    assert held(demo, "networks", "two") == [made.id]


def test_what_its_user_copied_stays(three: list[Any], demo: DemoCloud) -> None:
    """Restoring a backup copies a volume's metadata, for one."""
    identifier = str(uuid.uuid4())
    made = creator(three[0], "volumes", "copied", identifier)()
    copy = demo.add(
        "modern", "east", "volumes", like=made.id, created_at="2099-01-01T00:00:00.000000"
    )
    assert creator(three[1], "volumes", "copied", identifier)().id == made.id
    assert set(held(demo, "volumes", "copied")) == {made.id, copy["id"]}


def test_one_id_of_two_users_is_two(admin: Any, three: list[Any], demo: DemoCloud) -> None:
    """Whose things stand in one project, side by side."""
    identifier = str(uuid.uuid4())
    made = creator(three[0], "networks", "ours", identifier)()
    other = creator(admin, "networks", "ours", identifier)()
    assert held(demo, "networks", "ours") == [made.id, other.id]


def test_a_claim_whose_oaktree_has_ended_goes_after_ten_minutes(
    oaktrees: Oaktrees, three: list[Any], demo: DemoCloud
) -> None:
    before = set(claims(demo))
    process, cloud = oaktrees.start()
    creator(cloud, "networks", "swept", str(uuid.uuid4()))()
    process.kill()
    (left,) = set(claims(demo)) - before
    pairs = demo.items("modern", "east", "keypairs")
    pair = next(pair for pair in pairs if pair["name"] == left)
    hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    demo.alter("modern", "east", "keypairs", pair["id"], created_at=hour_ago)
    # One whose name only looks like it.
    user, name = pair["user_id"], f"oaktree-{uuid.uuid4().hex}"
    mine = demo.add(
        "modern",
        "east",
        "keypairs",
        like=pair["id"],
        id=f"{user}/{name}",
        name=name,
        public_key=KEY,
    )
    _, other = oaktrees.start()
    other.volumes.create(name="swept", size_gib=1)
    until(lambda: left not in claims(demo))
    assert name in claims(demo)
    demo.remove("modern", "east", "keypairs", mine["id"])


def test_claims_need_a_keypair(three: list[Any], demo: DemoCloud) -> None:
    demo.set("modern", quota={"key_pairs": 0})
    try:
        identifier = str(uuid.uuid4())
        with pytest.raises(
            oaktreemodel.QuotaExceeded, match="may have come before needs a keypair"
        ):
            creator(three[0], "networks", "unclaimed", identifier)()
        # What was made is there for whoever tries again, and nothing is made beside it.
        (left,) = held(demo, "networks", "unclaimed")
        assert creator(three[1], "networks", "unclaimed", identifier)().id == left
    finally:
        demo.set("modern", quota={"key_pairs": 1000})


def test_a_failure_is_told_only_if_nothing_is_there(three: list[Any], demo: DemoCloud) -> None:
    """A repetition meets the quota that its like has filled meanwhile."""
    identifier, path = str(uuid.uuid4()), KINDS["networks"].path
    demo.reset_calls()
    posts = f"POST network {path}"
    with ThreadPoolExecutor(2) as threads:
        made = []
        for number in range(2):
            demo.fault(
                "modern", "late", method="POST", path=path, region="east", seconds=1 + 2 * number
            )
            made.append(threads.submit(creator(three[number], "networks", "full", identifier)))
            until(lambda: demo.calls("modern")[posts] == number + 1)  # noqa: B023
        until(lambda: bool(held(demo, "networks", "full")))
        demo.set("modern", quota={"network": 1})
        try:
            assert made[0].result().id == made[1].result().id
        finally:
            demo.set("modern", quota={"network": 100})
    assert len(held(demo, "networks", "full")) == 1


def test_what_its_user_deleted_does_not_come_back(three: list[Any], demo: DemoCloud) -> None:
    identifier = str(uuid.uuid4())
    made = creator(three[0], "servers", "removed", identifier)()
    three[0].servers.delete(made.id)
    three[0].servers.wait(made.id, until="deleted", timeout=60)
    with pytest.raises(oaktreemodel.NotFound, match="earlier Create"):
        creator(three[1], "servers", "removed", identifier)()
    until(lambda: not held(demo, "servers", "removed"))


def test_every_server_has_one_floating_ip(three: list[Any], demo: DemoCloud) -> None:
    """And none was left by those that were deleted: of all that the tests above made."""

    def promised() -> list[str]:
        described = [one["description"] for one in demo.items("modern", "east", "floatingips")]
        return sorted(one[15:] for one in described if one.startswith("oaktree server="))

    until(lambda: promised() == sorted(one.id for one in three[0].servers.list(max_age=0)))


def test_no_claim_is_left(three: list[Any], demo: DemoCloud) -> None:
    """Of all that the tests above made."""
    until(lambda: not claims(demo))
