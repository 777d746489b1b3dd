"""A cloud's limits are kept for its users."""

from __future__ import annotations

import threading

import oaktreemodel
import pytest
from oaktree.budget import Budget, Turn
from oaktree.democloud import DemoCloud
from oaktree.errors import Refused

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


def test_who_has_no_time_to_wait_is_told_at_once(
    client: oaktreemodel.Client, demo: DemoCloud
) -> None:
    cloud = client.cloud("modern", region="east")
    list(cloud.flavors.list(max_age=0))
    demo.reset_calls()
    demo.fault("modern", "status", status=429, retry_after=3, path="/flavors/m1.tiny", times=None)
    with pytest.raises(oaktreemodel.RateLimited) as caught:
        cloud.flavors.get("m1.tiny", max_age=0, timeout=2)
    assert caught.value.retry_after
    assert caught.value.cloud == "modern"
    assert demo.calls()["GET compute /flavors/{id}"] == 1


def test_a_quota_is_never_tried_again(client: oaktreemodel.Client, demo: DemoCloud) -> None:
    cloud = client.cloud("modern", region="west")
    before = demo.clouds["modern"].settings.quota["volumes"]
    demo.set("modern", quota={"volumes": 0})
    demo.reset_calls()
    try:
        with pytest.raises(oaktreemodel.QuotaExceeded):
            cloud.volumes.create(name="toomuch", size_gib=1)
    finally:
        demo.set("modern", quota={"volumes": before})
    assert demo.calls()["POST volume /volumes"] == 1
