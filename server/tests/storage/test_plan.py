"""What is to be done so that a container has the files of a directory."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from oaktree.democloud import DemoCloud
from oaktree.democloud.content import Source
from oaktree.democloud.swift.store import Object, stamp
from oaktree.errors import Refused
from oaktree.objectlist import _before
from oaktree.storage.plan import MAX_ENTRIES
from oaktree.storage.segments import DEFAULT_BYTES, STEP, size_for
from oaktree.swift import Info
from oaktreemodel.v1.storage_object_pb2 import UploadAction, UploadEntry

from .asks import Code, Store, refused
from .moving import md5

SEND, SKIP = UploadAction.UPLOAD_ACTION_SEND, UploadAction.UPLOAD_ACTION_SKIP
COMPARE, DELETE = UploadAction.UPLOAD_ACTION_NEED_CHECKSUM, UploadAction.UPLOAD_ACTION_DELETE
MIB, GIB = 1 << 20, 1 << 30


@pytest.fixture
def parent(modern: Store, name: str) -> str:
    modern.fill(name)
    return name


def entry(path: str, data: bytes | int, *, knows: bool = False) -> UploadEntry:
    if isinstance(data, int):
        return UploadEntry(path=path, size_bytes=data)
    return UploadEntry(path=path, size_bytes=len(data), md5=md5(data) if knows else "")


def plan(store: Store, parent: str, entries: list[UploadEntry], **fields: Any) -> list[Any]:
    asked: dict[str, Any] = {"parent": parent, "entries": entries}
    return list(store("PlanStorageObjectUploads", **asked | fields).steps)


def actions(steps: list[Any]) -> dict[str, Any]:
    assert len({step.path for step in steps}) == len(steps)
    return {step.path: step.action for step in steps}


def test_files_and_what_is_there(modern: Store, parent: str) -> None:
    there = {"a": b"same", "b": b"other", "c": b"of another size", "x": b"extra", "d/e": b"same"}
    for name, data in there.items():
        modern.swift("PUT", parent, f"p/{name}", body=data)
    modern.swift("PUT", parent, "q", body=b"")
    here = {"a": b"same", "b": b"OTHER", "c": b"size", "d/e": b"same", "n": b"new"}
    asked = {"prefix": "p/", "finds_extra": True, "is_last": True}
    steps = plan(modern, parent, [entry(*one) for one in sorted(here.items())], **asked)
    assert actions(steps) == {
        "a": COMPARE, "b": COMPARE, "c": SEND, "d/e": COMPARE, "n": SEND, "x": DELETE,
    }  # fmt: skip
    assert [step.name for step in steps] == [f"p/{step.path}" for step in steps]
    assert all(step.why for step in steps)
    again = [entry(path, here[path], knows=True) for path in ("a", "b", "d/e")]
    steps = plan(modern, parent, again, prefix="p/")
    assert actions(steps) == {"a": SKIP, "b": SEND, "d/e": SKIP}


def test_what_is_in_segments_and_goes_in_one_piece(modern: Store, parent: str) -> None:
    from .test_segments import DATA, whole

    whole(modern, parent, DATA)
    assert actions(plan(modern, parent, [entry("big", DATA)])) == {"big": SEND}


def test_what_is_in_one_piece_and_goes_in_segments(modern: Store, parent: str) -> None:
    from .test_segments import DATA, OTHER, PART

    modern.swift("PUT", parent, "big", body=DATA)
    asked = {"segment_size_bytes": PART}
    (step,) = plan(modern, parent, [entry("big", DATA)], **asked)
    assert (step.action, len(step.segments)) == (COMPARE, 0)
    (step,) = plan(modern, parent, [entry("big", DATA, knows=True)], **asked)
    assert step.action == SKIP
    (step,) = plan(modern, parent, [entry("big", OTHER, knows=True)], **asked)
    assert (step.action, len(step.segments)) == (SEND, 4)


def test_what_only_stands_for_directories_is_left(modern: Store, parent: str) -> None:
    for name in ("d/", "d/sub/", "d/x"):
        modern.swift("PUT", parent, name, body=b"")
    modern.swift("PUT", parent, ".oaktree/segments/x", body=b"x")
    asked = {"finds_extra": True, "is_last": True}
    assert actions(plan(modern, parent, [], prefix="d/", **asked)) == {"x": DELETE}
    assert actions(plan(modern, parent, [], **asked)) == {"d/x": DELETE}


LONG = "é" * 513
WRONG: list[tuple[list[UploadEntry], dict[str, Any], str]] = [
    *[
        ([entry("a", 1), entry(path, 1)], {}, "entries[1].path")
        for path in (
            "",
            "a/",
            "b//c",
            "/b",
            "..",
            "b/../c",
            "./b",
            "b/.",
            "b\0c",
            "a",
            "A",
            "é" * 513,
        )
    ],
    ([entry("a", 1)], {"after": "a"}, "entries[0].path"),
    ([entry("a", 1)], {"after": "b"}, "entries[0].path"),
    ([entry("a", -1)], {}, "entries[0].size_bytes"),
    ([entry("a", 6 << 42)], {}, "entries[0].size_bytes"),
    ([UploadEntry(path="a", md5="x")], {}, "entries[0]"),
    ([UploadEntry(path="a", size_bytes=3, segment_md5s=["x"])], {}, "entries[0]"),
    (
        [UploadEntry(path="a", size_bytes=3, segment_md5s=["0" * 32])],
        {"segment_size_bytes": 2},
        "entries[0].segment_md5s",
    ),
    ([entry("x", 1)], {"prefix": ".oaktree/"}, "prefix"),
    ([entry(".oaktree/x", 1)], {}, "entries[0].path"),
    ([entry("x", 1)], {"prefix": "a\0"}, "prefix"),
    ([entry("x", 1)], {"parent": ""}, "parent"),
    ([entry(f"{n:05d}", 1) for n in range(MAX_ENTRIES + 1)], {}, "entries"),
]


@pytest.mark.parametrize(("entries", "fields", "field"), WRONG)
def test_what_no_directory_holds(
    modern: Store, parent: str, entries: list[UploadEntry], fields: dict[str, Any], field: str
) -> None:
    with refused(Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", field):
        plan(modern, **{"parent": parent, "entries": entries} | fields)


def test_there_is_no_such_container(modern: Store, name: str) -> None:
    with refused(Code.NOT_FOUND, "NOT_FOUND"):
        plan(modern, name, [entry("a", 1)])


ALPHABET = "aab/é~.\x01\ue000\U0010ffff😀"


def some_names(chosen: random.Random, count: int) -> list[str]:
    made = ("".join(chosen.choices(ALPHABET, k=chosen.randrange(1, 6))) for _ in range(count))
    steps = {name: name.split("/") for name in made}
    return sorted(name for name, parts in steps.items() if not {"", ".", ".."} & set(parts))


@pytest.mark.parametrize("seed", range(12))
def test_any_names_in_batches(modern: Store, name: str, seed: int) -> None:
    """The batches together say of every name what is true of it, each once."""
    chosen = random.Random(seed)
    prefix = chosen.choice(["", "a", "a/", "é/", "\U0010ffff"])
    there = set(some_names(chosen, 80))
    here = some_names(chosen, 60)
    modern.fill(name, *{prefix + one for one in there})
    others = {one for one in some_names(chosen, 40) if not one.startswith(prefix)}
    for other in others:
        modern.swift("PUT", name, other, body=b"x")
    finds_extra, after, rest = chosen.random() < 0.7, "", list(here)
    found: dict[str, Any] = {}
    while True:
        size = chosen.randrange(1, 12)
        batch, rest = rest[:size], rest[size:]
        steps = plan(
            modern, name, [entry(one, (prefix + one).encode()) for one in batch], prefix=prefix,
            after=after, finds_extra=finds_extra, is_last=not rest,
        )  # fmt: skip
        told = actions(steps)
        assert not told.keys() & found.keys()
        found |= told
        if not rest:
            break
        after = batch[-1]
    expected = {one: COMPARE if one in there else SEND for one in here}
    if finds_extra:
        all_there = {one for one in modern.names(name) if one.startswith(prefix)}
        extra = {one.removeprefix(prefix) for one in all_there} - set(here) - {""}
        expected |= dict.fromkeys(extra, DELETE)
    assert found == expected


@pytest.mark.parametrize(
    "name", ["a", "ab", "\x01", "a\x01", "\ue000", "a\ue000", "\U00010000", "é"]
)
def test_what_comes_before_a_name(name: str) -> None:
    before = _before(name)
    before.encode()
    assert before < name
    assert not before < name[:-1] or name[-1] == "\x01"


def test_more_before_a_name_than_a_page_holds(modern: Store, parent: str) -> None:
    modern.fill(parent, *[f"a\U0010ffff{number:03d}" for number in range(150)], "b")
    assert actions(plan(modern, parent, [entry("b", b"b")])) == {"b": COMPARE}
    assert actions(plan(modern, parent, [entry("aa", b"b"), entry("c", 1)])) == {
        "aa": SEND,
        "c": SEND,
    }


COUNT = 100_000


@pytest.fixture
def many(modern: Store, demo: DemoCloud, name: str) -> Iterator[tuple[str, list[str]]]:
    """A container with as many objects as a large directory has files."""
    modern.fill(name)
    paths = sorted(f"d{number % 100}/f{number}" for number in range(COUNT))
    region = demo.clouds["modern"].regions["east"]
    container = region.accounts[demo.project_id("modern")].containers[name]
    content = Source(4096, {"md5": "0" * 32})
    for path in paths:
        container.objects[path] = Object(content, "text/plain", "0" * 32, {}, stamp())
    container.names = list(paths)
    yield name, paths
    container.objects.clear()
    container.names.clear()


def test_a_hundred_thousand_files(
    modern: Store, demo: DemoCloud, many: tuple[str, list[str]]
) -> None:
    """Some pages a batch."""
    name, paths = many
    gone = set(random.Random(1).sample(paths, 1000))
    here = [path for path in paths if path not in gone]
    demo.reset_calls()
    for knows, expected in ((False, COMPARE), (True, SKIP)):
        counted: dict[Any, int] = {}
        for start in range(0, len(here), MAX_ENTRIES):
            batch = here[start : start + MAX_ENTRIES]
            steps = plan(
                modern, name,
                [UploadEntry(path=path, size_bytes=4096, md5="0" * 32 * knows) for path in batch],
                after=here[start - 1] if start else "", finds_extra=True,
                is_last=start + MAX_ENTRIES >= len(here),
            )  # fmt: skip
            for step in steps:
                counted[step.action] = counted.get(step.action, 0) + 1
        assert counted == {expected: len(here), DELETE: len(gone)}
    assert sum(demo.calls("modern").values()) <= 2 * 20 * 4


def test_a_few_of_a_hundred_thousand(
    modern: Store, demo: DemoCloud, many: tuple[str, list[str]]
) -> None:
    name, paths = many
    demo.reset_calls()
    asked = [UploadEntry(path=path, size_bytes=4096, md5="0" * 32) for path in paths[::20_000]]
    assert set(actions(plan(modern, name, asked)).values()) == {SKIP}
    assert sum(demo.calls("modern").values()) <= len(asked) + 1


def info(**fields: Any) -> Info:
    return Info(**{"max_segments": 1000, "max_object_bytes": 5 * GIB} | fields)


@pytest.mark.parametrize(
    ("size", "wanted", "told", "segment"),
    [
        (0, 0, info(), 0),
        (DEFAULT_BYTES, 0, info(), 0),
        (DEFAULT_BYTES + 1, 0, info(), DEFAULT_BYTES),
        (10 * MIB, MIB, info(), MIB),
        (10 * MIB, 20 * MIB, info(), 0),
        # Too many of the wanted size: larger ones, of whole steps.
        (3000 * MIB + 1, MIB, info(), 4 * STEP),
        (10 * MIB, 1, info(min_segment_bytes=MIB), MIB),
        (20 * GIB, 10 * GIB, info(), 5 * GIB),
        (GIB, 0, info(max_object_bytes=100 * MIB), 100 * MIB),
        (5000 * GIB, 0, info(), 5 * GIB),
        (5 * GIB, 0, info(max_segments=0), 0),
    ],
)
def test_how_large_segments_are(size: int, wanted: int, told: Info, segment: int) -> None:
    assert size_for(size, wanted, told) == segment


@pytest.mark.parametrize(
    ("size", "told"), [(5 * GIB + 1, info(max_segments=0)), (5000 * GIB + 1, info())]
)
def test_what_is_too_large_for_a_cloud(size: int, told: Info) -> None:
    with pytest.raises(Refused, match="is more than the"):
        size_for(size, 0, told)
