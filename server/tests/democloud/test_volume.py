"""Cinder: lives, quotas in its own words, attachments."""

from collections.abc import Callable
from typing import Any

import pytest
from oaktree.democloud import DemoCloud

from .conftest import Rest, eventually, new_server, show, when

Make = Callable[..., Rest]
VOLUMES = "volume/v3/volumes"


def make(rest: Rest, **values: Any) -> str:
    answer = rest("POST", VOLUMES, {"volume": {"name": "data", "size": 1, **values}})
    assert answer.status_code == 202, answer.text
    key: str = answer.json()["volume"]["id"]
    eventually(lambda: volume(rest, key)["status"] == "available")
    return key


def volume(rest: Rest, key: str, **options: Any) -> Any:
    return rest.get(f"{VOLUMES}/{key}", **options)["volume"]


def test_a_volumes_life(clouds: DemoCloud, modern: Rest) -> None:
    clouds.set("modern", build_seconds=0.2, delete_seconds=0.2)
    answer = modern("POST", VOLUMES, {"volume": {"size": "2"}})
    key = answer.json()["volume"]["id"]
    assert answer.json()["volume"]["status"] == "creating"
    assert "os-vol-tenant-attr:tenant_id" not in answer.json()["volume"]
    eventually(lambda: volume(modern, key)["status"] == "available")
    made = volume(modern, key)
    assert made["size"] == 2
    assert "+" not in made["created_at"]
    assert "Z" not in made["created_at"]
    assert modern("DELETE", f"{VOLUMES}/{key}").status_code == 202
    assert volume(modern, key)["status"] == "deleting"
    eventually(lambda: modern("GET", f"{VOLUMES}/{key}").status_code == 404)


def test_attachments_show_on_both_sides(modern: Rest) -> None:
    key = make(modern)
    server = new_server(modern)
    when(modern, server, "ACTIVE")
    path = f"compute/v2.1/servers/{server}/os-volume_attachments"
    assert modern("POST", path, {"volumeAttachment": {"volumeId": key}}).status_code == 200
    attached = volume(modern, key)
    assert attached["status"] == "in-use"
    assert attached["attachments"][0]["server_id"] == server
    assert show(modern, server)["os-extended-volumes:volumes_attached"] == [{"id": key}]
    assert show(modern, server, version="2.3")["os-extended-volumes:volumes_attached"] == [
        {"id": key, "delete_on_termination": False}
    ]
    (listed,) = modern.get(path, version="2.89")["volumeAttachments"]
    assert listed["attachment_id"] == attached["attachments"][0]["attachment_id"]
    assert "id" not in listed
    assert modern("DELETE", f"{VOLUMES}/{key}").status_code == 400
    again = modern("POST", path, {"volumeAttachment": {"volumeId": key}})
    assert "is already attached" in again.json()["badRequest"]["message"]
    modern("DELETE", f"compute/v2.1/servers/{server}")
    eventually(lambda: volume(modern, key)["status"] == "available")


@pytest.mark.parametrize(
    ("quota", "words"),
    [
        (
            {"volumes": 1},
            (
                "VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota "
                "'volumes'."
            ),
        ),
        (
            {"gigabytes": 3},
            (
                "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed "
                "gigabytes quota. Requested 5G, quota is 3G and 1G has been consumed."
            ),
        ),
    ],
)
def test_quotas(clouds: DemoCloud, modern: Rest, quota: dict[str, int], words: str) -> None:
    make(modern)
    clouds.set("modern", quota=quota)
    answer = modern("POST", VOLUMES, {"volume": {"size": 5}})
    assert answer.status_code == 413
    assert answer.headers["retry-after"] == "0"
    assert answer.json()["overLimit"]["message"] == words
    limits = modern.get("volume/v3/limits")["limits"]["absolute"]
    assert (limits["totalVolumesUsed"], limits["totalGigabytesUsed"]) == (1, 1)


def test_a_snapshot_quota(clouds: DemoCloud, modern: Rest) -> None:
    key = make(modern)
    clouds.set("modern", quota={"snapshots": 0})
    answer = modern("POST", "volume/v3/snapshots", {"snapshot": {"volume_id": key}})
    assert answer.status_code == 413
    assert answer.json()["overLimit"]["message"].startswith("SnapshotLimitExceeded:")


REFUSED = [
    ({"size": 0}, 400, "0 is less than the minimum of 1"),
    ({"size": -1}, 400, "-1 is less than the minimum of 1"),
    ({"size": "x"}, 400, "'x' does not match '^[0-9]+$'"),
    ({"imageRef": "nope"}, 400, "Invalid image identifier or unable to access requested image."),
    ({"snapshot_id": "nope"}, 404, "could not be found"),
    ({"volume_type": "nope"}, 404, "could not be found"),
    ({"availability_zone": "nope"}, 400, "Availability zone 'nope' is invalid."),
    ({"name": "x" * 256}, 400, "name has 256 characters, more than 255."),
    ({"metadata": {"a": 1}}, 400, "1 is not of type 'string'"),
]


@pytest.mark.parametrize(("change", "status", "words"), REFUSED)
def test_what_is_refused(modern: Rest, change: Any, status: int, words: str) -> None:
    answer = modern("POST", VOLUMES, {"volume": {"size": 1, **change}})
    assert answer.status_code == status
    (fault,) = answer.json().values()
    assert words in fault["message"]
    assert modern.get(VOLUMES)["volumes"] == []


def test_from_an_image_and_from_a_snapshot(modern: Rest) -> None:
    image = modern.get("image/v2/images?name=cirros")["images"][0]
    key = make(modern, imageRef=image["id"])
    made = volume(modern, key)
    assert made["bootable"] == "true"
    assert made["volume_image_metadata"]["image_name"] == "cirros"
    answer = modern("POST", "volume/v3/snapshots", {"snapshot": {"volume_id": key}})
    snapshot = answer.json()["snapshot"]["id"]
    assert modern("DELETE", f"{VOLUMES}/{key}").status_code == 400
    copy = make(modern, snapshot_id=snapshot)
    assert volume(modern, copy)["snapshot_id"] == snapshot


def test_extending(modern: Rest) -> None:
    key = make(modern)
    action = f"{VOLUMES}/{key}/action"
    assert modern("POST", action, {"os-extend": {"new_size": 1}}).status_code == 400
    assert modern("POST", action, {"os-extend": {"new_size": 3}}).status_code == 202
    eventually(lambda: volume(modern, key)["size"] == 3)


def test_fields_by_microversion(modern: Rest) -> None:
    key = make(modern)
    for since, field in ((13, "group_id"), (48, "service_uuid"), (63, "volume_type_id")):
        assert field not in volume(modern, key, version=f"3.{since - 1}")
        assert field in volume(modern, key, version=f"3.{since}")


def test_lists(clouds: DemoCloud, modern: Rest) -> None:
    keys = [make(modern, name=f"v{n}", metadata={"n": str(n)}) for n in range(4)]
    first = modern.get(f"{VOLUMES}/detail?limit=3")
    assert [one["id"] for one in first["volumes"]] == keys[:0:-1]
    query = first["volumes_links"][0]["href"].partition("?")[2]
    assert [one["id"] for one in modern.get(f"{VOLUMES}?{query}")["volumes"]] == keys[:1]
    assert modern("GET", f"{VOLUMES}?limit=1&marker={'0' * 36}").status_code == 404
    assert len(modern.get(f"{VOLUMES}?name=v2")["volumes"]) == 1
    found = modern.get(f"{VOLUMES}?metadata={{'n':'3'}}")["volumes"]
    assert [one["id"] for one in found] == keys[3:]
    clouds.alter("modern", "east", "volumes", keys[0], updated_at="2001-01-01T00:00:00.000000")
    since = f"{VOLUMES}?updated_at=gte:2002-01-01T00:00:00"
    assert len(modern.get(since)["volumes"]) == 4
    assert len(modern.get(since, version="3.60")["volumes"]) == 3


def test_kilo_has_v2_alone(rest: Make) -> None:
    kilo = rest("kilo")
    assert kilo.get("volume/v2/volumes/detail") == {"volumes": []}
    assert kilo("GET", "volume/v3/volumes").status_code == 404


def test_messages(clouds: DemoCloud, modern: Rest) -> None:
    clouds.fault("modern", "volume_error", method="POST", path="/volumes")
    answer = modern("POST", VOLUMES, {"volume": {"size": 9}})
    key = answer.json()["volume"]["id"]
    eventually(lambda: volume(modern, key)["status"] == "error")
    where = f"volume/v3/messages?resource_uuid={key}"
    assert modern("GET", where).status_code == 404
    headers = {"openstack-api-version": "volume 3.5"}
    (message,) = modern("GET", where, headers=headers).json()["messages"]
    assert message["user_message"].endswith("Could not find any available weighted backend.")
    assert (message["resource_type"], message["resource_uuid"]) == ("VOLUME", key)
    # Filters are not looked at before 3.5.
    elsewhere = "volume/v3/messages?resource_uuid=other"
    older = {"openstack-api-version": "volume 3.3"}
    assert modern("GET", elsewhere, headers=older).json()["messages"]
    assert not modern("GET", elsewhere, headers=headers).json()["messages"]
    one = f"volume/v3/messages/{message['id']}"
    assert modern("GET", one, headers=headers).json()["message"] == message
    assert modern("DELETE", one, headers=headers).status_code == 204
    assert modern("GET", one, headers=headers).status_code == 404
