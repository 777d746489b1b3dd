"""One call of each kind: what is sent, with which deadline and id, and what comes back."""

from __future__ import annotations

import datetime
import inspect
import sys
import uuid
from typing import Any

import grpc
import oaktreemodel
import oaktreemodel.aio
import pytest
from fake import Oaktree, failure, status
from oaktreemodel import v1
from oaktreemodel.v1 import server_pb2_grpc

SERVER = v1.Server(id="1", name="web")


def test_get(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("GetServer", v1.GetServerResponse(server=SERVER))
    assert client.cloud("one").servers.get("web", max_age=0) == SERVER
    call = oaktree.only_call("GetServer")
    assert call.request.location == v1.Location(cloud="one")
    assert call.request.name_or_id == "web"
    assert call.request.HasField("max_age")
    assert call.time_remaining is not None
    assert call.time_remaining < 100
    assert call.metadata["user-agent"].startswith(f"oaktreemodel-python/{oaktreemodel.__version__}")


def test_create_has_a_request_id_of_its_own(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("CreateServer", v1.CreateServerResponse(server=SERVER))
    for _ in range(2):
        made = client.cloud("one").servers.create(name="web", image="cirros", flavor="m1.tiny")
        assert made == SERVER
    first, second = oaktree.calls["CreateServer"]
    assert uuid.UUID(first.request.request_id) != uuid.UUID(second.request.request_id)
    assert (first.request.name, first.request.image, first.request.flavor) == (
        "web",
        "cirros",
        "m1.tiny",
    )
    assert first.time_remaining is not None
    assert 100 < first.time_remaining < 400


def test_request_id_can_be_given(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("DeleteServer", v1.DeleteServerResponse())
    client.servers.delete("web", request_id="mine")
    assert oaktree.only_call("DeleteServer").request.request_id == "mine"


def test_deadlines_can_be_given(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("DeleteServer", v1.DeleteServerResponse())
    client.servers.delete("web", timeout=7)
    client.servers.delete("web", timeout=None)
    short, endless = oaktree.calls["DeleteServer"]
    assert short.time_remaining is not None
    assert short.time_remaining < 30
    assert endless.time_remaining is None


def test_delete_returns_nothing(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("DeleteServer", v1.DeleteServerResponse())
    assert client.servers.delete("web") is None


def test_update_sends_what_is_given(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("UpdateServer", v1.UpdateServerResponse(server=SERVER))
    client.servers.update("web", description="", tags=[], metadata={"a": "1", "b": None})
    request = oaktree.only_call("UpdateServer").request
    assert request.HasField("description")
    assert not request.HasField("name")
    assert request.HasField("tags")
    assert request.metadata == v1.MapUpdate(set={"a": "1"}, remove=["b"])


def test_secrets_are_asked_for(client: Any, oaktree: Oaktree) -> None:
    response = v1.CreateKeypairResponse(
        keypair=v1.Keypair(name="k"), private_key=v1.Secret(value="-----BEGIN")
    )
    oaktree.answer("CreateKeypair", response)
    assert client.keypairs.create(name="k") == v1.Keypair(name="k")
    made = client.keypairs.create_with_secrets(name="k")
    assert made.keypair.name == "k"
    assert made.private_key.value == "-----BEGIN"


def test_a_result_that_is_no_resource(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("GetServerConsoleOutput", v1.GetServerConsoleOutputResponse(output="login:"))
    assert client.servers.get_console_output("web", line_count=3) == "login:"


@pytest.mark.parametrize("verb", ["start", "stop", "reboot"])
def test_extra_calls(client: Any, oaktree: Oaktree, verb: str) -> None:
    response = getattr(v1, f"{verb.capitalize()}ServerResponse")
    oaktree.answer(f"{verb.capitalize()}Server", response(server=SERVER))
    assert getattr(client.servers, verb)("web") == SERVER


def test_one_of_its_kind(client: Any, oaktree: Oaktree) -> None:
    limits = v1.Limits(compute=v1.ComputeLimits(cores=v1.Limit(used=1, max=20)))
    oaktree.answer("GetLimits", v1.GetLimitsResponse(limits=limits))
    assert client.cloud("one").limits.get() == limits


def test_clouds(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("ListClouds", [v1.ListCloudsResponse(clouds=[v1.Cloud(name="one")])])
    capabilities = v1.Capabilities(location=v1.Location(cloud="one"))
    oaktree.answer("GetCapabilities", v1.GetCapabilitiesResponse(capabilities=capabilities))
    assert [one.name for one in client.clouds.list()] == ["one"]
    assert client.cloud("one").clouds.get_capabilities() == capabilities


def test_bulk_call_returns_what_it_did(client: Any, oaktree: Oaktree) -> None:
    gone = v1.FloatingIp(name="192.0.2.1")
    oaktree.answer(
        "DeleteUnattachedFloatingIps", v1.DeleteUnattachedFloatingIpsResponse(floating_ips=[gone])
    )
    week = datetime.timedelta(days=7)
    assert client.cloud("one").floating_ips.delete_unattached(unused_for=week) == [gone]
    request = oaktree.only_call("DeleteUnattachedFloatingIps").request
    assert request.unused_for.ToTimedelta() == week
    assert uuid.UUID(request.request_id)


def test_bulk_call_that_fails_in_part(client: Any, oaktree: Oaktree) -> None:
    gone = v1.FloatingIp(name="192.0.2.1")
    broken = failure("one", status(grpc.StatusCode.INTERNAL, "CLOUD_ERROR", message="192.0.2.2"))
    oaktree.answer(
        "DeleteUnattachedFloatingIps",
        v1.DeleteUnattachedFloatingIpsResponse(floating_ips=[gone], failures=[broken]),
    )
    with pytest.raises(oaktreemodel.PartialFailure) as caught:
        client.floating_ips.delete_unattached(unused_for=60, request_id="mine")
    assert caught.value.results == (gone,)
    assert caught.value.failures[0].request_id == "mine"
    told: list[oaktreemodel.OaktreeError] = []
    done = client.floating_ips.delete_unattached(unused_for=60, on_failure=told.append)
    assert done == [gone]
    assert [one.message for one in told] == ["192.0.2.2"]


def test_places(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("DeleteServer", v1.DeleteServerResponse())
    there = v1.Location(cloud="one", region="r", zone="z", project=v1.Project(id="p"))
    for scope in (
        client.at(there),
        client.at({"cloud": "one", "region": "r", "zone": "z", "project": {"id": "p"}}),
        client.cloud("one", region="r", zone="z", project={"id": "p"}),
        client.cloud("one", project="web"),
    ):
        scope.servers.delete("web")
    sent = [call.request.location for call in oaktree.calls["DeleteServer"]]
    assert sent == [there] * 3 + [v1.Location(cloud="one", project=v1.Project(name="web"))]
    assert scope.location == sent[-1]


def test_a_scope_keeps_its_place(client: Any, oaktree: Oaktree) -> None:
    oaktree.answer("DeleteServer", v1.DeleteServerResponse())
    there = v1.Location(cloud="one")
    scope = client.at(there)
    there.cloud = "two"
    scope.location.cloud = "three"
    scope.servers.delete("web")
    assert oaktree.only_call("DeleteServer").request.location.cloud == "one"


def test_a_cloud_has_a_name(client: Any) -> None:
    with pytest.raises(ValueError, match="name of a cloud is empty"):
        client.cloud("")
    with pytest.raises(TypeError, match="Location has no field 'cluod'"):
        client.at({"cluod": "one"})


def test_the_stubs_are_in_reach(oaktree: Oaktree) -> None:
    oaktree.answer("GetServer", v1.GetServerResponse(server=SERVER))
    with oaktreemodel.connect(oaktree.address) as client:
        stub = server_pb2_grpc.ServerServiceStub(client.channel)
        assert stub.GetServer(v1.GetServerRequest(name_or_id="web")).server == SERVER


def test_both_clients_have_the_same_face() -> None:
    from oaktreemodel.v1 import scope_aio, scope_sync

    def face(scope: Any, client: Any) -> dict[str, str]:
        found = {f"connect.{name}": name for name in inspect.signature(client.connect).parameters}
        found |= {f"client.{name}": "" for name in dir(client.Client) if name[0] != "_"}
        for name in vars(scope.Scope):
            if name[0] == "_" or name == "location":
                continue
            collection = inspect.get_annotations(vars(scope.Scope)[name].func)["return"]
            for method, value in vars(getattr(scope, collection)).items():
                if method[0] != "_":
                    found[f"{name}.{method}"] = str(inspect.signature(value).parameters)
        return found

    one = face(scope_sync, oaktreemodel)
    other = face(scope_aio, oaktreemodel.aio)
    assert one == other
    assert {"servers.list", "floating_ips.delete_unattached", "limits.get", "client.at"} <= set(one)


def test_asyncio_client_needs_a_loop() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        oaktreemodel.aio.connect("localhost")


@pytest.mark.parametrize(
    ("collection", "call"), [("keypairs", "watch"), ("flavors", "wait"), ("limits", "list")]
)
def test_a_call_that_a_resource_lacks_suggests_nothing_private(
    capsys: pytest.CaptureFixture[str], collection: str, call: str
) -> None:
    with oaktreemodel.connect("localhost:1") as client:
        lacking = getattr(client, collection)
        with pytest.raises(AttributeError) as caught:
            getattr(lacking, call)
    # Python makes the suggestion when it shows the error.
    sys.__excepthook__(AttributeError, caught.value, caught.value.__traceback__)
    shown = capsys.readouterr().err
    assert f"no attribute '{call}'" in shown
    assert "'_" not in shown
