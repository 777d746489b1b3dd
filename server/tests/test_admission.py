"""A deployer's oaktree: whose a token is, how long that is believed, and what a wrong one costs."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import grpc
import pytest
import requests
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from oaktree import admission
from oaktree.democloud import DemoCloud
from oaktree.democloud.keystone.service import PASSWORD
from oaktree.errors import Refused, unauthenticated
from oaktree.peers import Peers, name_of
from oaktreemodel.v1 import (
    cloud_pb2,
    cloud_pb2_grpc,
    flavor_pb2,
    flavor_pb2_grpc,
)

from .conftest import until
from .deployed import Deployed, showing
from .deployed_fixtures import channel, patient, served
from .shown import create_token, flavor, refusal, refused, refused_now, revoke, token_in, watch

__all__ = ["channel", "patient", "served"]

LOOKS = "GET identity /auth/tokens"
Code = grpc.StatusCode


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
    user = {"name": "demo", "domain": {"id": "default"}, "password": PASSWORD}
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


def test_an_identity_service_that_says_nothing(
    served: Deployed, demo: DemoCloud, channel: grpc.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "LOOK_SECONDS", 0.5)
    demo.fault("modern", "silent", service="identity", path="/auth/tokens", times=None)
    got = refused(flavor, channel, showing("gAAAAA"))
    assert got == (Code.UNAVAILABLE, "CLOUD_UNREACHABLE")


def test_wrong_tokens_that_come_at_a_time_all_count() -> None:
    now = 0.0
    peers = Peers(60, lambda: now)
    peer = "ipv4:192.0.2.7:4711"
    with contextlib.suppress(Refused), contextlib.ExitStack() as asking:
        for _ in range(100):
            asking.enter_context(peers.asking(peer))
        raise unauthenticated("all are wrong")
    now = 40.0
    with pytest.raises(Refused, match="too many wrong tokens"), peers.asking(peer):
        pass
    now = 42.0
    with peers.asking(peer):
        pass


def test_what_is_remembered_of_a_wrong_token_is_small(
    patient: Deployed, channel: grpc.Channel
) -> None:
    assert refused(flavor, channel, showing("one"))[1] == "UNAUTHENTICATED"
    ((_, why),) = patient.gate._wrong.values()
    # It would keep alive the call, and the identity service's answer.
    assert why.__traceback__ is None


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
