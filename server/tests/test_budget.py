"""A cloud's limits are kept for its users."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import oaktreemodel
import oaktreemodel.aio
import pytest
from oaktree import http
from oaktree.budget import Budget, Turn
from oaktree.democloud import DemoCloud
from oaktree.errors import Refused, rate_limited
from oaktree.http import retry_after
from oaktree.once import Once
from oaktree.place import THREADS

from .conftest import Running
from .conftest import until as wait_until
from .told import until

LIST = "GET compute /flavors/detail"


class Clock:
    """A time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_fills_at_its_rate() -> None:
    clock = Clock()
    budget = Budget(2, clock)
    for _ in range(6):
        budget.take(Turn.READ, 0)
    with pytest.raises(Refused) as caught:
        budget.take(Turn.READ, 0.4)
    assert caught.value.message.startswith("the cloud limits")
    clock.now += 0.5
    budget.take(Turn.READ, 0)
    with pytest.raises(Refused):
        budget.take(Turn.READ, 0)


def test_what_does_not_count_takes_nothing() -> None:
    clock = Clock()
    budget = Budget(1, clock)
    budget.take_none(0)
    for _ in range(3):
        budget.take(Turn.READ, 0)
    budget.take_none(0)
    budget.close(5)
    with pytest.raises(Refused):
        budget.take_none(4)
    clock.now += 5
    budget.take_none(0)
    budget.end()
    with pytest.raises(Refused):
        budget.take_none(0)


def test_a_cloud_that_wants_to_be_left_alone_is() -> None:
    clock = Clock()
    budget = Budget(0, clock)
    budget.close(5)
    with pytest.raises(Refused) as caught:
        budget.take(Turn.CHANGE, 4)
    (retry,) = caught.value.details
    assert retry.retry_delay.seconds == 5  # type: ignore[attr-defined]
    clock.now += 5
    budget.take(Turn.POLL, 0)


def test_changes_come_before_reads_and_reads_before_polls() -> None:
    clock = Clock()
    budget = Budget(1, clock)
    for _ in range(3):
        budget.take(Turn.READ, 0)
    order: list[Turn] = []

    def take(turn: Turn) -> None:
        budget.take(turn, 60)
        order.append(turn)

    threads = []
    for turn in (Turn.POLL, Turn.READ, Turn.CHANGE):
        thread = threading.Thread(target=take, args=(turn,))
        thread.start()
        threads.append(thread)
    while len(budget._waiting) < 3:
        pass
    for number in range(3):
        clock.now += 1
        with budget._changed:
            budget._changed.notify_all()
        while len(order) <= number:
            pass
    assert order == [Turn.CHANGE, Turn.READ, Turn.POLL]
    for thread in threads:
        thread.join(5)


def test_a_429_is_waited_out(client: oaktreemodel.Client, demo: DemoCloud) -> None:
    cloud = client.cloud("modern", region="east")
    list(cloud.flavors.list(max_age=0))
    demo.reset_calls()
    demo.fault("modern", "status", status=429, retry_after=1, path="/flavors/detail", times=1)
    assert list(cloud.flavors.list(max_age=0))
    assert demo.calls()[LIST] == 2
    # A change that was put off was not made, and so is made once.
    demo.fault("modern", "status", status=429, retry_after=1, path="/os-keypairs", method="POST")
    cloud.keypairs.create(name="patient")
    assert demo.calls()["POST compute /os-keypairs"] == 2
    cloud.keypairs.delete("patient")


def http_date(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


DATE = "Sat, 21 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0"}, 0),
        # By the cloud's clock, which is years off here.
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:09 GMT", "Date": DATE}, 9),
        ({"Retry-After": "Sat, 21 Nov 2026 11:59:00 GMT", "Date": DATE}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:09 GMT", "Date": "today"}, None),
        ({}, None),
    ],
)
def test_how_long_a_cloud_wants_to_be_left_alone(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


def test_a_date_to_come_back_at_by_our_own_clock() -> None:
    left = retry_after({"Retry-After": http_date(3000)})
    assert left is not None
    assert 2000 < left <= 3000


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429},
        {"status": 503, "retry_after": 0},
        # How older services limit the rate.
        {"status": 413, "retry_after": 1, "message": "This request was rate-limited."},
    ],
    ids=lambda fault: str(fault["status"]),
)
def test_what_was_put_off_is_done_later(
    client: oaktreemodel.Client, demo: DemoCloud, fault: dict[str, Any]
) -> None:
    cloud = client.cloud("modern", region="east")
    demo.reset_calls()
    demo.fault("modern", "status", path="/flavors/detail", **fault)
    assert list(cloud.flavors.list(max_age=0))
    assert demo.calls()[LIST] == 2


@pytest.fixture
def own(clouds_yaml: Path) -> Iterator[Running]:
    """An oaktree of the test's own: what it is told of limits outlives the test."""
    running = Running(clouds_yaml, ("modern",))
    yield running
    running.stop()


def budget_of(running: Running) -> Budget:
    return running.caller.clouds.regions("modern")["east"].budget


def test_a_date_is_waited_for(own: Running, demo: DemoCloud) -> None:
    with oaktreemodel.connect(own.address) as client:
        cloud = client.cloud("modern", region="east")
        demo.reset_calls()
        soon, far = http_date(1), http_date(3000)
        demo.fault("modern", "status", status=429, retry_after=soon, path="/flavors/detail")
        assert list(cloud.flavors.list(max_age=0))
        assert demo.calls()[LIST] == 2
        demo.fault("modern", "status", status=429, retry_after=far, path="/flavors/m1.tiny")
        with pytest.raises(oaktreemodel.RateLimited) as caught:
            cloud.flavors.get("m1.tiny", max_age=0, timeout=30)
    assert caught.value.retry_after
    assert caught.value.retry_after.total_seconds() > 2000


CALLS: dict[str, Callable[[Any], object]] = {
    "get": lambda cloud: cloud.flavors.get("m1.tiny", max_age=0, timeout=30),
    "list": lambda cloud: list(cloud.flavors.list(max_age=0, timeout=30)),
    "create": lambda cloud: cloud.volumes.create(name="late", size_gib=1, timeout=30),
    "delete": lambda cloud: cloud.volumes.delete("any", timeout=30),
    "wait": lambda cloud: cloud.volumes.wait("any", timeout=30),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_who_has_no_time_to_wait_is_told_at_once(
    own: Running, demo: DemoCloud, call: Callable[[Any], object]
) -> None:
    with oaktreemodel.connect(own.address) as client:
        cloud = client.cloud("modern", region="east")
        list(cloud.flavors.list(max_age=0))
        list(cloud.volumes.list(max_age=0))
        budget_of(own).close(1000)
        demo.reset_calls()
        # Later it would be told that its time is over.
        with pytest.raises(oaktreemodel.RateLimited) as caught:
            call(cloud)
    assert caught.value.retry_after
    assert caught.value.cloud == "modern"
    assert not demo.calls()


def test_who_has_time_waits_longer_than_one_request_may_take(
    own: Running, demo: DemoCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    with oaktreemodel.connect(own.address) as client:
        cloud = client.cloud("modern", region="east")
        list(cloud.flavors.list(max_age=0))
        monkeypatch.setattr(http, "READ_SECONDS", 0.5)
        budget_of(own).close(1)
        assert cloud.flavors.get("m1.tiny", max_age=0, timeout=60)


async def test_those_who_wait_keep_nobody_from_being_told(own: Running, demo: DemoCloud) -> None:
    async with oaktreemodel.aio.connect(own.address) as client:
        cloud = client.cloud("modern", region="east")
        [flavor async for flavor in cloud.flavors.list(max_age=0)]
        budget = budget_of(own)
        budget.close(http.TURN_SECONDS - 1)
        patient = [
            asyncio.create_task(cloud.keypairs.delete(f"none-{number}"))
            for number in range(3 * THREADS)
        ]
        await until(lambda: len(budget._waiting) == THREADS)
        with pytest.raises(oaktreemodel.RateLimited):
            await cloud.flavors.get("m1.tiny", max_age=0, timeout=20)
        # Nor do they hold up the end.
        await asyncio.get_running_loop().run_in_executor(None, own.stop)
        await until(lambda: not budget._waiting)
        for task in patient:
            task.cancel()
        await asyncio.wait(patient)


def test_what_has_begun_is_seen_through(own: Running, demo: DemoCloud) -> None:
    """The limit comes between the requests of one change, and its caller has no time for it."""
    with oaktreemodel.connect(own.address) as client:
        cloud = client.cloud("modern", region="east")
        list(cloud.volumes.list(max_age=0))
        path = "/volumes/{id}/action"
        demo.fault("modern", "status", status=429, retry_after=3, path=path)
        with pytest.raises(oaktreemodel.OaktreeError):
            cloud.volumes.create(name="begun", size_gib=1, is_bootable=True, timeout=2)

    def bootable() -> bool:
        volumes = demo.items("modern", "east", "volumes")
        return [one["bootable"] for one in volumes if one["name"] == "begun"] == [True]

    wait_until(bootable)


async def test_what_goes_on_by_itself_has_the_time_it_needs() -> None:
    once, left = Once(), asyncio.get_running_loop().create_future()

    async def work() -> None:
        left.set_result(http.turn_seconds(None))

    http.patience.set(http.Patience(0.0))
    assert http.turn_seconds(None) == 0
    once.later(work())
    assert await left == http.TURN_SECONDS
    http.patience.set(None)


def test_not_all_come_back_at_once(
    client: oaktreemodel.Client, demo: DemoCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float] = []
    monkeypatch.setattr(Budget, "close", lambda self, seconds: told.append(seconds))
    cloud = client.cloud("modern", region="east")
    for _ in range(5):
        demo.fault("modern", "status", status=429, retry_after=10, path="/flavors/detail")
        assert list(cloud.flavors.list(max_age=0))
    assert all(10 <= seconds <= 12 for seconds in told)
    assert len(set(told)) == 5


def test_a_pause_is_told_with_its_fraction() -> None:
    (retry,) = rate_limited("", 0.4).details
    assert retry.retry_delay.ToMilliseconds() == 400  # type: ignore[attr-defined]


QUOTAS: dict[str, tuple[str, str, Callable[[Any], object]]] = {
    "Cinder, with a time of 0 to wait": (
        "volumes",
        "POST volume /volumes",
        lambda cloud: cloud.volumes.create(name="toomuch", size_gib=1),
    ),
    "Nova": (
        "instances",
        "POST compute /servers",
        lambda cloud: cloud.servers.create(name="toomuch", image="cirros", flavor="m1.tiny"),
    ),
    "Neutron": (
        "network",
        "POST network /networks",
        lambda cloud: cloud.networks.create(name="toomuch"),
    ),
}


@pytest.mark.parametrize(("quota", "post", "create"), QUOTAS.values(), ids=QUOTAS)
def test_a_quota_is_never_tried_again(
    client: oaktreemodel.Client,
    demo: DemoCloud,
    quota: str,
    post: str,
    create: Callable[[Any], object],
) -> None:
    cloud = client.cloud("modern", region="west")
    before = demo.clouds["modern"].settings.quota[quota]
    demo.set("modern", quota={quota: 0})
    demo.reset_calls()
    try:
        with pytest.raises(oaktreemodel.QuotaExceeded):
            create(cloud)
    finally:
        demo.set("modern", quota={quota: before})
    assert demo.calls()[post] == 1
