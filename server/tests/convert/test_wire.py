"""Responses put together from bytes are what protobuf would have written."""

from __future__ import annotations

from datetime import UTC, datetime

from google.rpc import status_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from oaktree import wire
from oaktreemodel.v1.error_pb2 import Failure
from oaktreemodel.v1.flavor_pb2 import Flavor, GetFlavorResponse, ListFlavorsResponse
from oaktreemodel.v1.location_pb2 import Location

flavors = st.lists(
    st.builds(
        Flavor,
        id=st.text(max_size=40),
        name=st.text(max_size=300),
        ram_mib=st.none() | st.integers(0, 2**63 - 1),
        extra_specs=st.dictionaries(st.text(), st.text(), max_size=4),
    ),
    max_size=12,
)
failures = st.lists(
    st.builds(
        Failure,
        location=st.builds(Location, cloud=st.text()),
        status=st.builds(status_pb2.Status, code=st.integers(0, 16), message=st.text()),
    ),
    max_size=3,
)


def _frames(listed: list[Flavor]) -> list[bytes]:
    return [wire.frame(one.SerializeToString(deterministic=True)) for one in listed]


@given(flavors, failures, st.integers(0, 4_000_000_000_000))
def test_joined_frames_are_a_response(
    listed: list[Flavor], failed: list[Failure], millis: int
) -> None:
    joined = b"".join(wire.batches(_frames(listed)))
    joined += b"".join(wire.failure(one.SerializeToString()) for one in failed)
    joined += wire.as_of(millis / 1000)
    response = ListFlavorsResponse.FromString(joined)
    assert list(response.flavors) == listed
    assert list(response.failures) == failed
    told = response.as_of.ToDatetime(UTC)
    assert abs((told - datetime.fromtimestamp(0, UTC)).total_seconds() - millis / 1000) < 0.001


@given(flavors)
def test_one_frame_is_a_get_s_response(listed: list[Flavor]) -> None:
    for flavor, frame in zip(listed, _frames(listed), strict=True):
        assert GetFlavorResponse.FromString(frame).flavor == flavor
        assert frame == GetFlavorResponse(flavor=flavor).SerializeToString(deterministic=True)


@settings(deadline=None)
@given(st.lists(st.integers(0, wire.BATCH_BYTES * 2), max_size=8), st.integers(0, 600))
def test_batches_are_small_and_lose_nothing(sizes: list[int], small: int) -> None:
    frames = [b"x" * size for size in sizes] + [b"y"] * small
    batches = list(wire.batches(frames))
    assert b"".join(batches) == b"".join(frames)
    largest = max((len(frame) for frame in frames), default=0)
    assert all(len(batch) <= max(wire.BATCH_BYTES, largest) for batch in batches)
    # Only what is itself too large goes beyond the bound, and then alone.
    assert all(len(b) <= wire.BATCH_BYTES or b in frames for b in batches)


def test_a_batch_holds_no_more_than_so_many_items() -> None:
    frames = _frames([Flavor(id=str(n)) for n in range(wire.BATCH_ITEMS * 2 + 1)])
    counts = [len(ListFlavorsResponse.FromString(b).flavors) for b in wire.batches(frames)]
    assert counts == [wire.BATCH_ITEMS, wire.BATCH_ITEMS, 1]


def test_nothing_is_no_batch() -> None:
    assert list(wire.batches([])) == []
