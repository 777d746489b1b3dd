"""Plain values into messages, and what is refused."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from oaktreemodel import v1
from oaktreemodel._values import fill

NOON = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)


def filled(message: Any, **values: object) -> Any:
    fill(message, values)
    return message


def test_scalars() -> None:
    made = filled(
        v1.CreateServerRequest(),
        name="web",
        user_data=b"\x00\xff",
        config_drive=False,
        boot_volume_size_gib=0,
    )
    assert (made.name, made.user_data) == ("web", b"\x00\xff")
    assert made.HasField("config_drive")
    assert made.HasField("boot_volume_size_gib")


def test_none_is_left_out() -> None:
    assert filled(v1.UpdateServerRequest(), name=None, tags=None) == v1.UpdateServerRequest()


def test_empty_is_not_absent() -> None:
    made = filled(v1.UpdateServerRequest(), name="", tags=[], metadata={})
    assert made.HasField("name")
    assert made.HasField("tags")
    assert made.HasField("metadata")


def test_lists_and_maps() -> None:
    made = filled(
        v1.CreateServerRequest(),
        tags=("a", "b"),
        volumes=(one for one in ["v"]),
        metadata={"k.1": "v"},
        nics=[{"network": "n"}, v1.ServerNic(port="p")],
    )
    assert list(made.tags) == ["a", "b"]
    assert list(made.volumes) == ["v"]
    assert dict(made.metadata) == {"k.1": "v"}
    assert list(made.nics) == [v1.ServerNic(network="n"), v1.ServerNic(port="p")]


def test_changes_of_a_map() -> None:
    made = filled(v1.UpdateServerRequest(), metadata={"a": "1", "b": None, "c": None})
    assert made.metadata == v1.MapUpdate(set={"a": "1"}, remove=["b", "c"])
    whole = v1.MapUpdate(set={"a": "1"}, replace=True)
    assert filled(v1.UpdateServerRequest(), metadata=whole).metadata == whole


def test_new_lists() -> None:
    assert filled(v1.UpdateServerRequest(), tags=["a"]).tags == v1.StringList(values=["a"])
    whole = v1.StringList(values=["a"])
    assert filled(v1.UpdateServerRequest(), tags=whole).tags == whole
    made = filled(v1.UpdatePortRequest(), fixed_ips=[{"subnet": "s"}])
    assert [one.subnet for one in made.fixed_ips.values] == ["s"]


def test_enums() -> None:
    for until in ("deleted", "Deleted", "STATE_DELETED", v1.State.STATE_DELETED, 7):
        assert filled(v1.WaitServerRequest(), until=until).until == v1.State.STATE_DELETED


def test_times_and_spans() -> None:
    assert filled(v1.Server(), created_at=NOON).created_at.ToDatetime(datetime.UTC) == NOON
    zone = datetime.timezone(datetime.timedelta(hours=2))
    local = NOON.astimezone(zone)
    assert filled(v1.Server(), created_at=local).created_at == Timestamp(
        seconds=int(NOON.timestamp())
    )
    half = Duration(nanos=500_000_000)
    for span in (0.5, datetime.timedelta(milliseconds=500), half):
        assert filled(v1.GetServerRequest(), max_age=span).max_age == half


def test_conditions() -> None:
    made = filled(
        v1.ListServersRequest(),
        where={
            "name": "web",
            ("metadata", "a.b"): ["x", "y"],
            "is_locked": True,
            "progress": 50,
            "image": None,
            "created_at": NOON,
        },
    )
    assert list(made.where) == [
        v1.Filter(path=["name"], values=["web"]),
        v1.Filter(path=["metadata", "a.b"], values=["x", "y"]),
        v1.Filter(path=["is_locked"], values=["true"]),
        v1.Filter(path=["progress"], values=["50"]),
        v1.Filter(path=["image"], op=v1.Filter.OP_EXISTS, values=["false"]),
        v1.Filter(path=["created_at"], values=["2026-11-21T12:00:00Z"]),
    ]
    prefix = v1.Filter(path=["name"], op=v1.Filter.OP_PREFIX, values=["web-"])
    assert list(filled(v1.ListServersRequest(), where=[prefix]).where) == [prefix]


@pytest.mark.parametrize(
    ("message", "values", "said"),
    [
        (v1.CreateServerRequest, {"tags": "abc"}, "tags: a list is needed, not str"),
        (v1.CreateServerRequest, {"tags": 5}, "tags: a list is needed, not int"),
        (v1.UpdateServerRequest, {"tags": "abc"}, "tags: values: a list is needed, not str"),
        (v1.CreateServerRequest, {"metadata": ["a"]}, "metadata: a mapping is needed, not list"),
        (v1.UpdateServerRequest, {"metadata": "a"}, "metadata: a mapping is needed, not str"),
        (v1.CreateServerRequest, {"metadata": {"a": 1}}, "metadata: str is needed, not int"),
        (v1.CreateServerRequest, {"name": 5}, "name: str is needed, not int"),
        (v1.CreateServerRequest, {"user_data": "text"}, "user_data: bytes is needed, not str"),
        (v1.CreateServerRequest, {"nics": [{"netwrok": "n"}]}, "nics: ServerNic has no field .*"),
        (v1.CreateServerRequest, {"nics": [v1.Server()]}, "nics: ServerNic is needed, not Server"),
        (v1.CreateServerRequest, {"tags": [1]}, "tags: str is needed, not int"),
        (v1.CreateServerRequest, {"config_drive": "yes"}, "config_drive: bool is needed, not str"),
        (v1.CreateServerRequest, {"boot_volume_size_gib": True}, "int is needed, not bool"),
        (v1.WaitServerRequest, {"until": []}, "until: a word is needed, not list"),
        (v1.CreateServerRequest, {"nmae": "n"}, "CreateServerRequest has no field 'nmae'; .*"),
        (v1.Server, {"created_at": "now"}, "created_at: a datetime is needed, not str"),
        (v1.GetServerRequest, {"max_age": "1s"}, "max_age: seconds or a timedelta .*"),
        (v1.ListServersRequest, {"where": {("a", 1): "x"}}, "where: a field is named by .*"),
        (v1.ListServersRequest, {"where": {7: "x"}}, "where: a field is named by .*"),
        (v1.ListServersRequest, {"where": "name"}, "where: a list is needed, not str"),
        (v1.ListServersRequest, {"where": {"name": object()}}, "where: cannot compare with .*"),
    ],
)
def test_refused_types(message: Any, values: dict[str, object], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        fill(message(), values)


@pytest.mark.parametrize(
    ("message", "values", "said"),
    [
        (v1.WaitServerRequest, {"until": "redy"}, "until: 'redy' is none of .*ready.*"),
        (v1.Server, {"created_at": NOON.replace(tzinfo=None)}, "created_at: .* time zone"),
        (v1.CreateServerRequest, {"boot_volume_size_gib": 2**63}, "boot_volume_size_gib: .*"),
        (v1.CreateServerRequest, {"name": "\ud800"}, "name: .*"),
    ],
)
def test_refused_values(message: Any, values: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fill(message(), values)
