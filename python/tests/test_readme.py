"""The examples of the README do what they say."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Any, get_type_hints

import grpc
import oaktreemodel
import pytest
from fake import Oaktree, failure, status
from oaktreemodel import v1
from oaktreemodel._credentials import Credentials, find
from oaktreemodel.v1.scope_sync import Scope
from store import IMAGE, Container, pieces

README = Path(__file__).resolve().parents[1] / "README.rst"


def examples(language: str = "python") -> list[str]:
    pattern = rf"\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)"
    blocks = re.findall(pattern, README.read_text())
    return [re.sub(r"^    ", "", block, flags=re.M) for block in blocks]


@pytest.fixture
def ready(oaktree: Oaktree) -> Oaktree:
    server = v1.Server(id="1", name="web", state=v1.State.STATE_READY, interface_ip="192.0.2.1")
    oaktree.answer("ListImages", [v1.ListImagesResponse(images=[v1.Image(name="cirros")])])
    oaktree.answer("CreateServer", v1.CreateServerResponse(server=server))
    oaktree.answer("WaitServer", [v1.WaitServerResponse(server=server)])
    oaktree.answer("DeleteServer", v1.DeleteServerResponse())
    oaktree.answer("ListFlavors", [v1.ListFlavorsResponse(flavors=[v1.Flavor(name="m1.tiny")])])
    return oaktree


@pytest.mark.parametrize("number", [0, 1])
def test_first_examples(ready: Oaktree, capsys: pytest.CaptureFixture[str], number: int) -> None:
    code = examples()[number]
    assert code.count('"localhost:50051"') == 1
    exec(code.replace("localhost:50051", ready.address), {"__name__": "__main__"})
    assert capsys.readouterr().out == ["cirros\n192.0.2.1\n", "cirros\n"][number]
    # Where the demo has what the example asks for.
    place = v1.Location(cloud="modern", region="east")
    assert ready.only_call("CreateServer").request.location == place


def test_watch(oaktree: Oaktree, capsys: pytest.CaptureFixture[str]) -> None:
    place = v1.Location(cloud="devstack")
    web = v1.Server(id="1", name="web", status="ACTIVE")
    lost = status(grpc.StatusCode.UNAVAILABLE, "CLOUD_UNREACHABLE", message="no answer")
    oaktree.answer(
        "WatchServers",
        [
            v1.WatchServersResponse(location=place, servers=[web]),
            v1.WatchServersResponse(location=place, removals=[v1.Removal(id="1", name="web")]),
            v1.WatchServersResponse(failures=[failure("devstack", lost)]),
            status(grpc.StatusCode.PERMISSION_DENIED),
        ],
    )
    with oaktreemodel.connect(oaktree.address) as client:
        scope = {"oaktreemodel": oaktreemodel, "cloud": client.cloud("devstack")}
        with pytest.raises(oaktreemodel.PermissionDenied):
            exec(examples()[2], scope)
    assert capsys.readouterr().out.splitlines() == [
        "web ACTIVE",
        "web is gone",
        "no answer (CLOUD_UNREACHABLE, in devstack)",
    ]


def test_bytes(
    oaktree: Oaktree,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    container = Container(oaktree)
    oaktree.answer("ListImages", [v1.ListImagesResponse()])
    oaktree.answer("UploadImage", IMAGE)
    oaktree.answer("DownloadImage", lambda request, context: pieces(b"image", request))
    monkeypatch.chdir(tmp_path)
    Path("ubuntu.qcow2").write_bytes(b"image")
    Path("pictures").mkdir()
    for name in ("a.jpg", "b.tmp"):
        Path("pictures", name).write_bytes(b"picture")
    with oaktreemodel.connect(oaktree.address) as client:
        exec(examples()[3], {"oaktreemodel": oaktreemodel, "cloud": client.cloud("one")})
    assert Path("copy.qcow2").read_bytes() == b"image"
    assert container.objects == {"2026/a.jpg": b"picture"}
    assert Path("copies", "a.jpg").read_bytes() == b"picture"
    told = "Progress(sent_bytes=5, total_bytes=5, name='ubuntu.qcow2')\n1 0 []\n"
    assert capsys.readouterr().out == told


def test_stubs(ready: Oaktree) -> None:
    with oaktreemodel.connect(ready.address) as client:
        scope: dict[str, Any] = {"client": client}
        exec(examples()[4], scope)
        (batch,) = scope["batches"]
    assert batch.flavors[0].name == "m1.tiny"


def test_credentials_file(tmp_path: Path) -> None:
    (text,) = examples("yaml")
    file = tmp_path / "credentials.yaml"
    file.write_text(text)
    file.chmod(0o600)
    found = find(Credentials(), file)
    assert (found.address, found.cloud) == ("oaktree.example.com:50051", "mycloud")
    assert found.ca == str(tmp_path / "ca.pem")


def test_the_table_of_calls() -> None:
    table = README.read_text().partition("Resources\n=========\n")[2].partition("\nCalls\n=====")[0]
    written = dict(re.findall(r"^``(\w+)`` +(\S.*)$", table, flags=re.M))
    collections = {
        name: get_type_hints(one.func)["return"]
        for name, one in vars(Scope).items()
        if isinstance(one, cached_property)
    }
    # What the client does by itself.
    del collections["auth"]
    made = {
        name: ", ".join(one for one in vars(kind) if not one.startswith("_"))
        for name, kind in collections.items()
    }
    assert written == made


def test_there_is_no_example_that_nobody_runs() -> None:
    assert len(examples()) == 5
