"""`where`: every operation, on every kind of field."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from hypothesis import given
from hypothesis import strategies as st
from oaktree.errors import Refused
from oaktree.filters import compile_all
from oaktreemodel.v1.common_pb2 import Reference, State
from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.filter_pb2 import Filter
from oaktreemodel.v1.server_pb2 import Server, ServerAddress, ServerFlavor

SERVER = Server(
    id="7f3f",
    name="web-1",
    state=State.STATE_READY,
    status="ACTIVE",
    tags=["blue", "green"],
    created_at=Timestamp(seconds=1767225600),
    metadata={"a.b.c": "dots", "empty": ""},
    image=Reference(id="8f5d", name="cirros"),
    security_groups=[Reference(name="default"), Reference(id="9a", name="web")],
    flavor=ServerFlavor(vcpus=0, ram_mib=512, extra_specs={"hw:cpu_policy": "shared"}),
    addresses=[ServerAddress(network="n", address="10.0.0.3", version=4)],
    progress=0,
    is_locked=False,
)
EQUAL, PREFIX, NOT, EXISTS = "", "PREFIX", "NOT", "EXISTS"


def filtered(path: list[str], op: str, *values: str) -> Filter:
    return Filter(path=path, op=Filter.Op.Value(f"OP_{op or 'UNSPECIFIED'}"), values=values)


def fits(*filters: Filter) -> bool:
    test = compile_all(Server.DESCRIPTOR, filters)
    assert test is not None
    return test(SERVER)


# (path, op, values, whether it fits)
TABLE: list[tuple[list[str], str, list[str], bool]] = [
    (["name"], EQUAL, ["web-1"], True),
    (["name"], EQUAL, ["web-2", "web-1"], True),
    (["name"], EQUAL, ["web"], False),
    (["name"], PREFIX, ["db", "web"], True),
    (["name"], PREFIX, ["eb"], False),
    (["name"], NOT, ["web-2"], True),
    (["name"], NOT, ["web-2", "web-1"], False),
    (["name"], EXISTS, [], True),
    (["name"], EXISTS, ["true"], True),
    (["name"], EXISTS, ["false"], False),
    # A text that is empty is one that is absent.
    (["description"], EQUAL, [""], True),
    (["description"], EXISTS, [], False),
    (["description"], EXISTS, ["false"], True),
    (["description"], NOT, ["x"], True),
    (["name"], EQUAL, [""], False),
    # A repeated field contains.
    (["tags"], EQUAL, ["green"], True),
    (["tags"], EQUAL, ["red"], False),
    (["tags"], NOT, ["blue"], False),
    (["tags"], PREFIX, ["gr"], True),
    (["trusted_image_certificates"], EXISTS, [], False),
    (["trusted_image_certificates"], EQUAL, [""], True),
    # A state in oaktree's words, long and short.
    (["state"], EQUAL, ["ready"], True),
    (["state"], EQUAL, ["STATE_READY"], True),
    (["state"], EQUAL, ["failed", "deleted"], False),
    (["state"], NOT, ["Failed"], True),
    # Keys of a map, in one piece.
    (["metadata", "a.b.c"], EQUAL, ["dots"], True),
    (["metadata", "a.b.c"], PREFIX, ["do"], True),
    (["metadata", "a"], EXISTS, [], False),
    (["metadata", "a"], EXISTS, ["false"], True),
    (["metadata", "a"], NOT, ["dots"], True),
    (["metadata"], EQUAL, ["a.b.c"], True),
    (["metadata"], EQUAL, ["dots"], False),
    (["flavor", "extra_specs", "hw:cpu_policy"], EQUAL, ["shared"], True),
    # A reference by either half, or by one of them.
    (["image"], EQUAL, ["8f5d"], True),
    (["image"], EQUAL, ["cirros"], True),
    (["image", "name"], EQUAL, ["8f5d"], False),
    (["security_groups"], EQUAL, ["web"], True),
    (["security_groups"], EQUAL, ["9a"], True),
    (["security_groups", "id"], EQUAL, ["default"], False),
    # Inside messages.
    (["flavor", "ram_mib"], EQUAL, ["512"], True),
    (["addresses", "address"], PREFIX, ["10."], True),
    (["addresses", "version"], EQUAL, ["6"], False),
    (["location", "cloud"], EQUAL, [""], True),
    # Zero and false are values; absent is none.
    (["progress"], EQUAL, ["0"], True),
    (["progress"], EXISTS, [], True),
    (["launch_index"], EXISTS, [], False),
    (["launch_index"], EQUAL, ["0"], False),
    (["flavor", "vcpus"], EQUAL, ["0"], True),
    (["flavor", "disk_gib"], EQUAL, ["0"], False),
    (["is_locked"], EQUAL, ["false"], True),
    (["is_locked"], EXISTS, [], True),
    (["has_config_drive"], EQUAL, ["false"], False),
    (["fault", "message"], EXISTS, ["false"], True),
    (["fault", "code"], EQUAL, ["0"], False),
    # Times as JSON writes them.
    (["created_at"], EQUAL, ["2026-01-01T00:00:00Z"], True),
    (["created_at"], PREFIX, ["2026-01"], True),
    (["updated_at"], EXISTS, [], False),
]


@pytest.mark.parametrize(("path", "op", "values", "expected"), TABLE)
def test_a_filter_fits_or_does_not(
    path: list[str], op: str, values: list[str], expected: bool
) -> None:
    assert fits(filtered(path, op, *values)) is expected


# (path, op, values, the field that is named, some of what is said)
WRONG: list[tuple[list[str], str, list[str], str, str]] = [
    ([], EQUAL, ["x"], "path", "missing"),
    (["flavour"], EQUAL, ["x"], "path", "flavor"),
    (["flavor", "cpus"], EQUAL, ["x"], "path", "vcpus"),
    (["flavor"], EQUAL, ["x"], "path", "vcpus"),
    (["addresses"], EXISTS, [], "path", "network"),
    (["name", "first"], EQUAL, ["x"], "path", "'first'"),
    (["created_at", "seconds"], EQUAL, ["1"], "path", "time"),
    (["metadata", "a", "b"], EQUAL, ["x"], "path", "one piece"),
    (["user_data"], EQUAL, ["x"], "path", "cannot"),
    (["name"], EQUAL, [], "values", "missing"),
    (["name"], NOT, [], "values", "missing"),
    (["name"], PREFIX, [], "values", "missing"),
    (["name"], EXISTS, ["maybe"], "values", "EXISTS"),
    (["name"], EXISTS, ["true", "false"], "values", "EXISTS"),
]


@pytest.mark.parametrize(("path", "op", "values", "part", "told"), WRONG)
def test_what_will_not_do_is_named(
    path: list[str], op: str, values: list[str], part: str, told: str
) -> None:
    good = filtered(["name"], EQUAL, "x")
    with pytest.raises(Refused) as raised:
        compile_all(Server.DESCRIPTOR, [good, filtered(path, op, *values)])
    assert raised.value.reason == Reason.REASON_INVALID_ARGUMENT
    assert told in raised.value.message
    (bad,) = raised.value.details
    assert isinstance(bad, error_details_pb2.BadRequest)
    assert [v.field for v in bad.field_violations] == [f"where[1].{part}"]


def test_all_filters_must_fit() -> None:
    yes, no = filtered(["name"], EQUAL, "web-1"), filtered(["status"], EQUAL, "ERROR")
    assert fits(yes, yes)
    assert not fits(yes, no)
    assert not fits(no, yes)


def test_no_filter_is_no_test() -> None:
    assert compile_all(Server.DESCRIPTOR, []) is None


def test_a_state_that_oaktree_does_not_know_yet_is_its_number() -> None:
    test: Any = compile_all(Server.DESCRIPTOR, [filtered(["state"], EQUAL, "ready")])
    newer = Server.FromString(b"\x20\x63")
    assert newer.state == 99
    assert not test(newer)


@given(st.dictionaries(st.text(), st.text()), st.text(), st.text())
def test_any_key_and_value_of_a_map_can_be_asked_for(
    metadata: dict[str, str], key: str, value: str
) -> None:
    server = Server(metadata=metadata)
    test: Any = compile_all(Server.DESCRIPTOR, [filtered(["metadata", key], EQUAL, value)])
    assert test(server) == (metadata.get(key, "") == value)
    other: Any = compile_all(Server.DESCRIPTOR, [filtered(["metadata", key], NOT, value)])
    assert other(server) == (metadata.get(key) != value)
    there: Any = compile_all(Server.DESCRIPTOR, [filtered(["metadata", key], EXISTS)])
    assert there(server) == bool(metadata.get(key))
