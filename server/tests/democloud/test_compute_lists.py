"""Nova: lists, their pages, filters and shortcuts."""

from collections.abc import Callable
from typing import Any

from oaktree.democloud import DemoCloud

from .conftest import Rest, eventually, new_server

Make = Callable[..., Rest]
SERVERS = "compute/v2.1/servers"


def test_pages_newest_first_and_a_deleted_marker(clouds: DemoCloud, modern: Rest) -> None:
    ids = clouds.add_servers("modern", "east", 5)
    first = modern.get(f"{SERVERS}?limit=2")
    assert [one["id"] for one in first["servers"]] == [ids[4], ids[3]]
    (link,) = first["servers_links"]
    assert link["rel"] == "next"
    assert f"limit=2&marker={ids[3]}" in link["href"]
    modern("DELETE", f"{SERVERS}/{ids[3]}")
    eventually(lambda: modern("GET", f"{SERVERS}/{ids[3]}").status_code == 404)
    rest = modern.get(f"{SERVERS}?limit=2&marker={ids[3]}")
    assert [one["id"] for one in rest["servers"]] == [ids[2], ids[1]]
    assert modern("GET", f"{SERVERS}?marker={'0' * 36}").status_code == 400


def test_ten_thousand_in_pages_of_a_thousand(clouds: DemoCloud, modern: Rest) -> None:
    ids = clouds.add_servers("modern", "east", 10_000)
    found: list[str] = []
    path = f"{SERVERS}/detail"
    while path:
        page = modern.get(path)
        found += [one["id"] for one in page["servers"]]
        links = page.get("servers_links")
        path = f"{SERVERS}/detail?{links[0]['href'].partition('?')[2]}" if links else ""
    assert found == ids[::-1]
    # A full last page has a link to one that is empty, as Nova's has.
    assert clouds.calls("modern")["GET compute /servers/detail"] == 11


def test_filters(clouds: DemoCloud, modern: Rest) -> None:
    clouds.add_servers("modern", "east", 3, prefix="web")
    clouds.add_servers("modern", "east", 2, prefix="db")

    def names(query: str, **options: Any) -> int:
        return len(modern.get(f"{SERVERS}?{query}", **options)["servers"])

    assert names("name=^web") == 3
    assert names("status=active") == 5
    assert names("status=SHUTOFF") == 0
    # Unknown ones are passed over by old versions and refused by newer ones.
    assert names("metadata=%7B%7D") == 5
    assert modern("GET", f"{SERVERS}?metadata=x", version="2.75").status_code == 400
    assert names("deleted=true") == 5
    assert modern("GET", f"{SERVERS}?status=DELETED").status_code == 403
    assert modern("GET", f"{SERVERS}?all_tenants=1").status_code == 403


def test_changes_since_has_its_gaps(clouds: DemoCloud, modern: Rest) -> None:
    (key,) = clouds.add_servers("modern", "east", 1)
    clouds.alter("modern", "east", "servers", key, updated="2020-01-01T00:00:00Z")
    since = f"{SERVERS}/detail?changes-since=2021-01-01T00:00:00Z"
    server = f"{SERVERS}/{key}"
    # Tags and metadata taken away do not show; metadata set does.
    modern("PUT", f"{server}/tags/x", version="2.26")
    modern("DELETE", f"{server}/metadata/group")
    assert modern.get(since)["servers"] == []
    modern("PUT", f"{server}/metadata/x", {"meta": {"x": "y"}})
    assert [one["id"] for one in modern.get(since)["servers"]] == [key]
    modern("DELETE", server)
    eventually(lambda: modern.get(since)["servers"][0]["status"] == "DELETED")
    # What is being built is always told of; deleted then, it leaves no trace.
    clouds.set("modern", build_seconds=60)
    building = new_server(modern)
    future = f"{SERVERS}?changes-since=2100-01-01T00:00:00Z"
    assert [one["id"] for one in modern.get(future)["servers"]] == [building]
    modern("DELETE", f"{SERVERS}/{building}")
    eventually(lambda: modern("GET", f"{SERVERS}/{building}").status_code == 404)
    assert building not in [one["id"] for one in modern.get(since)["servers"]]
