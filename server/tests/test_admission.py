"""A deployer's oaktree: whose a token is, how long that is believed, and what a wrong one costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from oaktree import admission, callers
from oaktree.democloud import DemoCloud
from oaktree.peers import name_of
from oaktreemodel.v1 import (
    auth_pb2,
    auth_pb2_grpc,
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

LOOKS = "GET identity /auth/tokens"
Code = grpc.StatusCode


@pytest.fixture
def served(demo: DemoCloud, tmp_path: Path) -> Iterator[Deployed]:
    """With a bound that a test can wait for."""
    oaktree = Deployed(demo, tmp_path, token_check_seconds=1)
    demo.reset_calls()
    yield oaktree
    oaktree.stop()


@pytest.fixture
def patient(demo: DemoCloud, tmp_path: Path) -> Iterator[Deployed]:
    """With the bounds that it has by itself, and room for few."""
    oaktree = Deployed(
        demo,
        tmp_path,
        ("modern", "direct"),
        callers=2,
        streams_per_caller=2,
        wrong_tokens_per_peer_per_minute=5,
    )
    demo.reset_calls()
    yield oaktree
    oaktree.stop()


@pytest.fixture
def channel(request: pytest.FixtureRequest) -> Iterator[grpc.Channel]:
    name = "patient" if "patient" in request.fixturenames else "served"
    with grpc.insecure_channel(request.getfixturevalue(name).address) as opened:
        yield opened


def flavor(channel: grpc.Channel, metadata: Metadata, *, fresh: bool = False, **where: str) -> str:
    request = flavor_pb2.GetFlavorRequest(name_or_id="m1.tiny")
    request.location.region = where.pop("region", "east")
    request.location.project.name = where.pop("project", "")
    if fresh:
        request.max_age.FromSeconds(0)
    stub = flavor_pb2_grpc.FlavorServiceStub(channel)
    found: str = stub.GetFlavor(request, metadata=metadata, timeout=30).flavor.name
    return found


def create_token(
    channel: grpc.Channel, credential: tuple[str, str], cloud: str = ""
) -> auth_pb2.CreateTokenResponse:
    request = auth_pb2.CreateTokenRequest(client_id=credential[0], client_secret=credential[1])
    request.location.cloud = cloud
    made: auth_pb2.CreateTokenResponse = auth_pb2_grpc.AuthServiceStub(channel).CreateToken(
        request, timeout=30
    )
    return made


def watch(channel: grpc.Channel, metadata: Metadata) -> Any:
    request = server_pb2.WatchServersRequest()
    request.location.region = "east"
    stub = server_pb2_grpc.ServerServiceStub(channel)
    call = stub.WatchServers(request, metadata=metadata, timeout=60)
    while next(call).mark != 2:  # SYNCED
        pass
    return call


def refusal(error: Any) -> tuple[grpc.StatusCode, str]:
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return error.code(), info.reason


def refused(function: Any, *arguments: Any, **named: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as raised:
        function(*arguments, **named)
    return refusal(raised.value)


def revoke(demo: DemoCloud, token: str) -> None:
    address = f"{demo.clouds['modern'].address}/identity/v3/auth/tokens"
    headers = {"X-Auth-Token": token, "X-Subject-Token": token}
    assert requests.delete(address, headers=headers, timeout=30).status_code == 204


def token_in(metadata: Metadata) -> str:
    return metadata[0][1].removeprefix("Bearer ")


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


def test_a_credential_is_exchanged_for_a_token(
    served: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    made = create_token(channel, demo.application_credential("modern"))
    assert made.token.location.cloud == "modern"
    assert made.token.location.project.name == "demo"
    assert 0 < made.expires_in_seconds <= 24 * 3600
    assert made.token.expires_at.ToDatetime(UTC) > datetime.now(UTC)
    assert flavor(channel, showing(made.access_token.value)) == "m1.tiny"


def test_an_identity_service_without_oauth(
    served: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    demo.fault("modern", "status", service="identity", path="/OS-OAUTH2/token", status=404)
    made = create_token(channel, demo.application_credential("modern"))
    assert flavor(channel, showing(made.access_token.value)) == "m1.tiny"


def test_credentials_that_are_refused(
    served: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    client_id, secret = demo.application_credential("modern")
    past = datetime.now(UTC) + timedelta(seconds=1)
    ended = demo.application_credential("modern", expires=past)
    until(lambda: datetime.now(UTC) > past)
    wrong = [(client_id, secret + "x"), (client_id, "né"), ("nobody", secret), ended]
    for credential in wrong:
        with pytest.raises(grpc.RpcError) as raised:
            create_token(channel, credential)
        assert refusal(raised.value) == (Code.UNAUTHENTICATED, "CREDENTIALS_REFUSED")
        assert credential[1] not in str(raised.value)
    missing = [("", secret), (client_id, "")]
    for credential in missing:
        assert refused(create_token, channel, credential)[0] == Code.INVALID_ARGUMENT
    assert refused(create_token, channel, (client_id, secret), "direct")[1] == "CLOUD_UNKNOWN"


def test_a_token_without_a_project(
    served: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    user = {"name": "demo", "domain": {"id": "default"}, "password": "democloud"}
    answer = requests.post(
        f"{demo.clouds['modern'].address}/identity/v3/auth/tokens",
        json={"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}},
        timeout=30,
    )
    got = refused(flavor, channel, showing(answer.headers["X-Subject-Token"]))
    assert got == (Code.UNAUTHENTICATED, "CREDENTIALS_REFUSED")


def test_a_token_is_asked_about_once_for_all(served: Deployed, demo: DemoCloud) -> None:
    metadata = served.metadata()
    demo.reset_calls()
    demo.fault("modern", "delay", service="identity", path="/auth/tokens", seconds=0.5)

    async def crowd() -> None:
        request = flavor_pb2.GetFlavorRequest(name_or_id="m1.tiny")
        request.location.region = "east"
        async with grpc.aio.insecure_channel(served.address) as channel:
            stub = flavor_pb2_grpc.FlavorServiceStub(channel)
            calls = [stub.GetFlavor(request, metadata=metadata) for _ in range(64)]
            calls[0].cancel()
            done = await asyncio.gather(*calls, return_exceptions=True)
            assert sum(not isinstance(one, BaseException) for one in done) >= 63

    asyncio.run(crowd())
    assert demo.calls("modern")[LOOKS] == 1


def test_a_revoked_token_ends_within_the_bound(
    served: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    metadata = served.renewed()
    assert flavor(channel, metadata) == "m1.tiny"
    call = watch(channel, metadata)
    revoke(demo, token_in(metadata))
    with pytest.raises(grpc.RpcError) as raised:
        for _ in call:
            pass
    assert refusal(raised.value) == (Code.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert refused(flavor, channel, metadata)[1] == "UNAUTHENTICATED"


def test_a_cloud_that_takes_a_revoked_token_no_more_is_believed_at_once(
    patient: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    metadata = patient.renewed()
    assert flavor(channel, metadata) == "m1.tiny"
    revoke(demo, token_in(metadata))
    # Whatever is asked of the cloud shows it, long before the bound.
    got = refused(flavor, channel, metadata, fresh=True)
    assert got == (Code.UNAUTHENTICATED, "UNAUTHENTICATED")


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


def test_a_stream_ends_with_its_token(
    patient: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    demo.set("modern", token_seconds=3)
    try:
        metadata = patient.renewed()
    finally:
        demo.set("modern", token_seconds=3600)
    call = watch(channel, metadata)
    with pytest.raises(grpc.RpcError) as raised:
        for _ in call:
            pass
    assert refusal(raised.value) == (Code.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert refused(flavor, channel, metadata)[1] == "UNAUTHENTICATED"


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


def test_a_token_is_shown_to_its_own_cloud_alone(
    patient: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    modern = patient.token(cloud="modern")
    demo.reset_calls()
    # The default cloud is the first.
    assert flavor(channel, showing(modern)) == "m1.tiny"
    assert sum(demo.calls("direct").values()) == 0
    assert refused(flavor, channel, showing(modern, "kilo"))[1] == "CLOUD_UNKNOWN"
    direct = showing(patient.token(cloud="direct"), "direct")
    assert flavor(channel, direct, region="") == "m1.tiny"
    stub = cloud_pb2_grpc.CloudServiceStub(channel)
    answers = stub.ListClouds(cloud_pb2.ListCloudsRequest(), metadata=direct)
    assert [one.name for answer in answers for one in answer.clouds] == ["direct"]


def test_wrong_tokens_cost_the_cloud_little(
    patient: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    good = patient.metadata()
    assert flavor(channel, good) == "m1.tiny"
    demo.reset_calls()
    for _ in range(3):
        assert refused(flavor, channel, showing("one"))[1] == "UNAUTHENTICATED"
    assert demo.calls("modern")[LOOKS] == 1
    got = [refused(flavor, channel, showing(f"wrong{number}")) for number in range(20)]
    assert got[-1] == (Code.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    assert demo.calls("modern")[LOOKS] <= 6
    with pytest.raises(grpc.RpcError) as raised:
        flavor(channel, showing("more"))
    retry = error_details_pb2.RetryInfo()
    details = rpc_status.from_call(raised.value).details
    assert any(one.Unpack(retry) for one in details)
    assert 0 < retry.retry_delay.ToTimedelta().total_seconds() <= 60
    # Who is known already is not held up.
    assert flavor(channel, good) == "m1.tiny"
    assert refused(create_token, channel, ("some", "one"))[1] == "RATE_LIMITED"


def test_without_the_identity_service(
    served: Deployed, demo: DemoCloud, channel: grpc.Channel
) -> None:
    metadata, new = served.metadata(), showing(served.token())
    call = watch(channel, metadata)
    demo.fault("modern", "status", service="identity", path="/auth/tokens", status=503, times=None)
    assert refused(flavor, channel, new)[0] == Code.UNAVAILABLE
    until(lambda: refused_now(channel, metadata) == Code.UNAVAILABLE)
    demo.clear_faults()
    (name,) = demo.add_servers("modern", "east", 1, prefix="since")
    assert any(name in {one.id for one in event.servers} for event in call)
    call.cancel()
    demo.remove("modern", "east", "servers", name)
    assert flavor(channel, metadata) == flavor(channel, new) == "m1.tiny"


def refused_now(channel: grpc.Channel, metadata: Metadata) -> grpc.StatusCode | None:
    try:
        flavor(channel, metadata)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return None


def test_an_identity_service_that_says_nothing(
    served: Deployed, demo: DemoCloud, channel: grpc.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "LOOK_SECONDS", 0.5)
    demo.fault("modern", "silent", service="identity", path="/auth/tokens", times=None)
    got = refused(flavor, channel, showing("gAAAAA"))
    assert got == (Code.UNAVAILABLE, "CLOUD_UNREACHABLE")


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


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        ("ipv4:192.0.2.7:4711", "192.0.2.7"),
        ("ipv6:%5B2001:db8:1:2:3::4%5D:4711", "2001:db8:1:2::/64"),
        ("ipv6:[::ffff:192.0.2.7]:4711", "192.0.2.7"),
        ("ipv6:[fe80::1%25eth0]:4711", "fe80::/64"),
        ("unix:", "unix"),
        ("", ""),
    ],
)
def test_who_a_peer_is(peer: str, name: str) -> None:
    assert name_of(peer) == name
