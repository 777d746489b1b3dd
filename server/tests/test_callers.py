"""The callers of a deployer's oaktree: who is one, what it may see, and how many are kept."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from oaktree import callers
from oaktree.democloud import DemoCloud
from oaktreemodel.v1 import (
    cloud_pb2,
    cloud_pb2_grpc,
    flavor_pb2,
    flavor_pb2_grpc,
    network_pb2,
    network_pb2_grpc,
    server_pb2,
    server_pb2_grpc,
)

from .conftest import until
from .deployed import Deployed, Metadata, showing
from .deployed_fixtures import channel, patient, served
from .shown import create_token, flavor, refusal, refused, refused_now, revoke, token_in, watch

__all__ = ["channel", "patient", "served"]

LOOKS = "GET identity /auth/tokens"
Code = grpc.StatusCode


def test_who_brings_a_token_sees_its_cloud_and_project(
    served: Deployed, channel: grpc.Channel
) -> None:
    stub = cloud_pb2_grpc.CloudServiceStub(channel)
    for user, project in (("demo", "demo"), ("other", "other")):
        metadata = served.metadata(user, project)
        answers = stub.ListClouds(cloud_pb2.ListCloudsRequest(), metadata=metadata)
        (cloud,) = [cloud for answer in answers for cloud in answer.clouds]
        assert (cloud.name, cloud.location.project.name) == ("modern", project)
        assert flavor(channel, metadata) == "m1.tiny"


def test_another_token_of_the_same_caller_goes_on(
    patient: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    first, second = patient.renewed(), showing(patient.token())
    calls = [watch(channel, metadata) for metadata in (first, second)]
    assert len(patient.gate.callers()) == 1
    revoke(demo, token_in(first))
    assert refused(flavor, channel, first, fresh=True)[1] == "UNAUTHENTICATED"
    assert flavor(channel, second, fresh=True) == "m1.tiny"
    with pytest.raises(grpc.RpcError):
        for _ in calls[0]:
            pass
    (name,) = demo.add_servers("modern", "east", 1, prefix="after")
    assert any(name in {one.id for one in event.servers} for event in calls[1])
    calls[1].cancel()
    demo.remove("modern", "east", "servers", name)


def test_rules_forbid_and_do_not_end_a_token(
    patient: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    rules = [
        {"service": "compute", "method": "GET", "path": path}
        for path in ("/v2.1/flavors/**", "/v2.1/flavors", "/v2.1/flavors/detail")
    ]
    credential = demo.application_credential("modern", access_rules=rules)
    metadata = showing(create_token(channel, credential).access_token.value)
    demo.reset_calls()
    assert flavor(channel, metadata) == "m1.tiny"
    request = network_pb2.GetNetworkRequest(name_or_id="public")
    request.location.region = "east"
    request.max_age.FromSeconds(0)
    stub = network_pb2_grpc.NetworkServiceStub(channel)
    for _ in range(5):
        got = refused(stub.GetNetwork, request, metadata=metadata)
        assert got == (Code.PERMISSION_DENIED, "POLICY_FORBIDS")
    # The identity service is asked about it, but not each time.
    assert demo.calls("modern")[LOOKS] <= 2
    assert flavor(channel, metadata, fresh=True) == "m1.tiny"


def test_a_token_is_for_one_project(patient: Deployed, channel: grpc.Channel) -> None:
    metadata = patient.metadata()
    assert flavor(channel, metadata, project="demo") == "m1.tiny"
    got = refused(flavor, channel, metadata, project="other")
    assert got == (Code.PERMISSION_DENIED, "POLICY_FORBIDS")


def test_there_is_room_for_so_many_callers(
    patient: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    first, second = patient.metadata("demo", "demo"), patient.metadata("other", "other")
    third = patient.metadata("reader", "demo")
    for metadata in (first, second, third):
        assert flavor(channel, metadata) == "m1.tiny"
    assert len(patient.gate.callers()) == 2
    # Who was let go is asked about again, and let in again.
    demo.reset_calls()
    assert flavor(channel, first) == "m1.tiny"
    assert demo.calls("modern")[LOOKS] == 1
    calls = [watch(channel, metadata) for metadata in (first, third)]
    got = refused(flavor, channel, second)
    assert got == (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    calls[0].cancel()
    until(lambda: refused_now(channel, second) is None)
    calls[1].cancel()


def test_a_user_is_so_many_callers(demo: DemoCloud, tmp_path: Path) -> None:
    oaktree = Deployed(demo, tmp_path, callers_per_user=2)
    try:
        with grpc.insecure_channel(oaktree.address) as channel:
            other = oaktree.metadata("other", "other")
            assert flavor(channel, other) == "m1.tiny"
            (kept,) = oaktree.gate.callers()
            for _ in range(4):
                credential = demo.application_credential("modern")
                token = create_token(channel, credential).access_token.value
                assert flavor(channel, showing(token)) == "m1.tiny"
            assert len(oaktree.gate.callers()) == 3
            assert kept in oaktree.gate.callers()
    finally:
        oaktree.stop()


def test_what_may_have_been_done_is_not_said_to_be_undone(
    served: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    metadata = served.renewed()
    (name,) = demo.add_servers("modern", "east", 1)
    request = server_pb2.UpdateServerRequest(name_or_id=name, name="renamed")
    request.location.region = "east"
    stub = server_pb2_grpc.ServerServiceStub(channel)
    looks = {"service": "compute", "method": "GET", "path": "/servers/{id}"}
    demo.fault("modern", "expired_token", skip=1, **looks)
    # Wrappers would send it again upon UNAUTHENTICATED.
    got = refused(stub.UpdateServer, request, metadata=metadata)
    assert got == (Code.UNKNOWN, "CLOUD_UNREACHABLE")
    assert demo.item("modern", "east", "servers", name)["name"] == "renamed"
    demo.fault("modern", "expired_token", **looks)
    metadata = served.renewed()
    got = refused(stub.UpdateServer, request, metadata=metadata)
    assert got == (Code.UNAUTHENTICATED, "UNAUTHENTICATED")
    demo.remove("modern", "east", "servers", name)


def test_a_caller_has_so_many_streams(patient: Deployed, channel: grpc.Channel) -> None:
    metadata = patient.metadata()
    calls = [watch(channel, metadata) for _ in range(2)]
    got = refused(watch, channel, metadata)
    assert got == (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    for call in calls:
        call.cancel()

    def there_is_room() -> bool:
        try:
            watch(channel, metadata).cancel()
        except grpc.RpcError:
            return False
        return True

    until(there_is_room)


def test_who_asks_nothing_is_let_go(
    patient: Deployed, demo: DemoCloud, channel: grpc.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = patient.metadata()
    assert flavor(channel, metadata) == "m1.tiny"
    (caller,) = patient.gate.callers()

    async def later(seconds: float) -> None:
        clock = time.monotonic
        with monkeypatch.context() as patch:
            patch.setattr(time, "monotonic", lambda: clock() + seconds)
            patient.gate._callers.tidy()

    patient.do(later(callers.QUIET_SECONDS))
    assert list(patient.gate.callers()) == [caller]
    assert flavor(channel, metadata, fresh=True) == "m1.tiny"
    patient.do(later(1800.0))
    assert list(patient.gate.callers()) == []
    assert flavor(channel, metadata) == "m1.tiny"


def test_what_changed_about_a_user_makes_another_caller(
    served: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    demo.add_user("modern", "changing", {"demo": "reader"})
    metadata = served.metadata("changing", "demo")
    stub = server_pb2_grpc.ServerServiceStub(channel)
    request = server_pb2.CreateServerRequest(name="mine", image="cirros", flavor="m1.tiny")
    request.location.region = "east"
    got = refused(stub.CreateServer, request, metadata=metadata)
    assert got == (Code.PERMISSION_DENIED, "POLICY_FORBIDS")
    before = served.gate.callers()
    demo.add_user("modern", "changing", {"demo": "member"})
    again = served.renewed("changing", "demo")
    made = stub.CreateServer(request, metadata=again, timeout=60).server
    assert len(served.gate.callers()) == len(before) + 1
    demo.remove("modern", "east", "servers", made.id)


def test_many_come_at_a_time_for_little_room(
    patient: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    users = (("demo", "demo"), ("other", "other"), ("reader", "demo"))

    def come(metadata: Metadata) -> str:
        try:
            return flavor(channel, metadata)
        except grpc.RpcError as error:
            return str(refusal(error))

    # Who is let in may be idle still when room is made for who comes next.
    told: set[str] = set()
    with ThreadPoolExecutor(12) as pool:
        for _ in range(20):
            new = [showing(patient.token(*user)) for user in users * 2]
            told.update(pool.map(come, new))
    assert told <= {"m1.tiny", str((Code.RESOURCE_EXHAUSTED, "RATE_LIMITED"))}
    assert "m1.tiny" in told


def test_a_token_that_is_in_use_stays(
    patient: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    metadata = patient.renewed()
    assert flavor(channel, metadata) == "m1.tiny"
    demo.fault("modern", "silent", service="compute")
    request = flavor_pb2.GetFlavorRequest(name_or_id="m1.tiny")
    request.location.region = "east"
    request.max_age.FromSeconds(0)
    stub = flavor_pb2_grpc.FlavorServiceStub(channel)
    call = stub.GetFlavor.future(request, metadata=metadata, timeout=60)
    until(lambda: demo.traffic("modern")["in_flight"] > 0)
    # More than there is room for.
    for _ in range(12):
        assert flavor(channel, showing(patient.token("other", "other"))) == "m1.tiny"
    demo.reset_calls()
    assert flavor(channel, metadata, fresh=True) == "m1.tiny"
    assert demo.calls("modern")[LOOKS] == 0
    assert not call.done()
    call.cancel()
