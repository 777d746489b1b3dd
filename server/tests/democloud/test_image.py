"""Glance: ids of one's own, patches, bytes, pages."""

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import requests
from oaktree.democloud import DemoCloud

from .conftest import Rest

Make = Callable[..., Rest]
IMAGES = "image/v2/images"
PATCH = {"content-type": "application/openstack-images-v2.1-json-patch"}
BYTES = {"content-type": "application/octet-stream"}


def make(rest: Rest, **values: Any) -> Any:
    answer = rest("POST", IMAGES, {"disk_format": "raw", "container_format": "bare", **values})
    assert answer.status_code == 201, answer.text
    return answer.json()


def patch(rest: Rest, key: str, op: str, path: str, **value: Any) -> requests.Response:
    change = [{"op": op, "path": path, **value}]
    return rest("PATCH", f"{IMAGES}/{key}", change, headers=PATCH)


def test_an_id_is_given_once_and_for_ever(modern: Rest) -> None:
    key = str(uuid4())
    assert make(modern, id=key)["id"] == key
    assert modern("POST", IMAGES, {"id": key}).status_code == 409
    assert modern("DELETE", f"{IMAGES}/{key}").status_code == 204
    assert modern("GET", f"{IMAGES}/{key}").status_code == 404
    assert modern("POST", IMAGES, {"id": key}).status_code == 409
    assert modern("POST", IMAGES, {"id": "mine"}).status_code == 400


def test_bytes_are_counted_and_hashed(modern: Rest) -> None:
    key = make(modern, name="disk")["id"]
    data = b"oaktree" * 100_000
    path = f"{IMAGES}/{key}/file"
    assert modern("PUT", path, data=data, headers=BYTES).status_code == 204
    image = modern.get(f"{IMAGES}/{key}")
    assert (image["status"], image["size"]) == ("active", len(data))
    assert image["os_hash_value"] == hashlib.sha512(data).hexdigest()
    assert image["checksum"] == hashlib.md5(data).hexdigest()
    assert modern("PUT", path, data=data, headers=BYTES).status_code == 409


def test_fields_and_properties_are_patched(modern: Rest) -> None:
    key = make(modern, name="a", hw_disk_bus="virtio")["id"]
    assert patch(modern, key, "replace", "/name", value="b").json()["name"] == "b"
    assert patch(modern, key, "add", "/os_distro", value="debian").json()["os_distro"] == "debian"
    assert "hw_disk_bus" not in patch(modern, key, "remove", "/hw_disk_bus").json()
    assert patch(modern, key, "replace", "/nope", value="x").status_code == 409
    assert patch(modern, key, "replace", "/size", value=1).status_code == 403
    assert patch(modern, key, "remove", "/name").status_code == 403
    assert patch(modern, key, "replace", "/visibility", value="public").status_code == 403
    assert patch(modern, key, "replace", "/protected", value=True).ok
    assert modern("DELETE", f"{IMAGES}/{key}").status_code == 403
    plain = modern("PATCH", f"{IMAGES}/{key}", [], headers={"content-type": "application/json"})
    assert plain.status_code == 415


def test_tags(modern: Rest) -> None:
    key = make(modern, tags=["a"])["id"]
    assert modern("PUT", f"{IMAGES}/{key}/tags/b").status_code == 204
    assert [one["id"] for one in modern.get(f"{IMAGES}?tag=b")["images"]] == [key]
    assert modern("DELETE", f"{IMAGES}/{key}/tags/a").status_code == 204
    assert modern.get(f"{IMAGES}/{key}")["tags"] == ["b"]
    assert modern("DELETE", f"{IMAGES}/{key}/tags/a").status_code == 404


@pytest.mark.parametrize(
    "values", [{f"p{n}": "x" for n in range(129)}, {"tags": list(map(str, range(129)))}]
)
def test_a_quota_is_html(modern: Rest, values: dict[str, Any]) -> None:
    answer = modern("POST", IMAGES, values)
    assert answer.status_code == 413
    assert answer.headers["content-type"].startswith("text/html")
    assert "limit has been exceeded" in answer.text
    assert "Attempted: 129, Maximum: 128" in answer.text


def test_pages_of_25_unless_told(modern: Rest) -> None:
    made = [make(modern, name=f"i{n}")["id"] for n in range(30)]
    first = modern.get(IMAGES)
    assert [one["id"] for one in first["images"]] == made[:4:-1]
    following = modern.get(f"image{first['next']}")
    assert [one["id"] for one in following["images"]][:5] == made[4::-1]
    assert "next" not in following
    assert "next" not in modern.get(f"{IMAGES}?limit=1000")
    modern("DELETE", f"{IMAGES}/{made[5]}")
    assert modern("GET", f"image{first['next']}").status_code == 400


def test_who_sees_which_image(rest: Make) -> None:
    demo, other = rest("modern"), rest("modern-other")
    mine = make(demo, name="mine")["id"]
    assert other("GET", f"{IMAGES}/{mine}").status_code == 404
    patch(demo, mine, "replace", "/visibility", value="community")
    assert mine not in [one["id"] for one in other.get(IMAGES)["images"]]
    assert other.get(f"{IMAGES}/{mine}")["owner"] == demo.project
    assert other("DELETE", f"{IMAGES}/{mine}").status_code == 403
    public = other.get(f"{IMAGES}?visibility=public")["images"][0]["id"]
    assert demo("DELETE", f"{IMAGES}/{public}").status_code == 403


def test_filters(clouds: DemoCloud, modern: Rest) -> None:
    key = make(modern, name="old", os_distro="debian")["id"]
    clouds.alter("modern", "east", "images", key, updated_at="2001-01-01T00:00:00Z")
    assert [one["id"] for one in modern.get(f"{IMAGES}?os_distro=debian")["images"]] == [key]
    late = modern.get(f"{IMAGES}?updated_at=gte:2002-01-01T00:00:00Z")["images"]
    assert key not in [one["id"] for one in late]
    assert len(late) == 2
    assert len(modern.get(f"{IMAGES}?status=active&sort=name:asc")["images"]) == 2


def test_what_glance_says_of_itself(rest: Make) -> None:
    modern, kilo = rest("modern"), rest("kilo")
    assert "qcow2" in modern.get("image/v2/schemas/image")["properties"]["disk_format"]["enum"]
    assert "web-download" in modern.get("image/v2/info/import")["import-methods"]["value"]
    assert kilo("GET", "image/v2/info/import").status_code == 404
    assert "os_hash_algo" not in kilo.get(IMAGES)["images"][0]


def test_when_told(clouds: DemoCloud, modern: Rest) -> None:
    key = make(modern)["id"]
    assert modern.get(f"{IMAGES}/{key}")["status"] == "queued"
    clouds.alter("modern", "east", "images", key, status="saving")
    assert modern.get(f"{IMAGES}/{key}")["status"] == "saving"
