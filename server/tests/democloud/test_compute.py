"""Nova: microversions, lists, lives, and its own words for what it refuses."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_private_key
from oaktree.democloud import DemoCloud

from .conftest import Rest, eventually, new_server, show, when

Make = Callable[..., Rest]
SERVERS = "compute/v2.1/servers"


@pytest.mark.parametrize(
    ("field", "since"),
    [
        ("locked", 9),
        ("description", 19),
        ("tags", 26),
        ("trusted_image_certificates", 63),
        ("server_groups", 71),
        ("locked_reason", 73),
        ("OS-EXT-SRV-ATTR:hostname", 90),
        ("pinned_availability_zone", 96),
        ("scheduler_hints", 100),
    ],
)
def test_a_field_comes_with_its_microversion(modern: Rest, field: str, since: int) -> None:
    key = new_server(modern)
    assert field not in show(modern, key, version=f"2.{since - 1}")
    assert field in show(modern, key, version=f"2.{since}")


def test_the_flavor_in_a_server_loses_its_id(modern: Rest) -> None:
    key = new_server(modern)
    assert show(modern, key)["flavor"]["id"] == "1"
    assert show(modern, key, version="2.47")["flavor"] == {
        "original_name": "m1.tiny",
        "vcpus": 1,
        "ram": 512,
        "disk": 1,
        "ephemeral": 0,
        "swap": 0,
        "extra_specs": {},
    }
    assert show(modern, key, version="2.98")["image"]["properties"] == {"os_distro": "cirros"}


def test_microversion_headers(rest: Make) -> None:
    modern, kilo = rest("modern"), rest("kilo")
    answer = modern("GET", SERVERS, version="2.53")
    assert answer.headers["openstack-api-version"] == "compute 2.53"
    assert answer.headers["x-openstack-nova-api-version"] == "2.53"
    assert answer.headers["x-openstack-request-id"].startswith("req-")
    assert modern("GET", SERVERS, version="latest").headers["openstack-api-version"].endswith("100")
    old = modern("GET", SERVERS, headers={"x-openstack-nova-api-version": "2.7"})
    assert old.headers["openstack-api-version"] == "compute 2.7"
    assert modern("GET", SERVERS).headers["openstack-api-version"] == "compute 2.1"
    refused = modern("GET", SERVERS, version="2.101")
    assert refused.status_code == 406
    assert "maximum is 2.100" in refused.json()["computeFault"]["message"]
    assert "openstack-api-version" not in kilo("GET", SERVERS, version="2.53").headers


def test_a_servers_life(clouds: DemoCloud, modern: Rest) -> None:
    clouds.set("modern", build_seconds=0.3, delete_seconds=0.2)
    key = new_server(modern, metadata={"a": "b"})
    server = show(modern, key)
    assert (server["status"], server["addresses"]) == ("BUILD", {})
    refused = modern("PUT", f"{SERVERS}/{key}/metadata/x", {"meta": {"x": "y"}})
    assert refused.status_code == 409
    # The port is there before the server is ready, and only found by its device.
    ports = f"network/v2.0/ports?device_id={key}"
    (port,) = eventually(lambda: modern.get(ports)["ports"])
    assert show(modern, key)["status"] == "BUILD"
    assert port["device_owner"] == ""
    server = when(modern, key, "ACTIVE")
    assert server["addresses"]["private"][0]["addr"] == port["fixed_ips"][0]["ip_address"]
    assert modern.get(ports)["ports"][0]["device_owner"] == "compute:nova"
    assert modern("DELETE", f"{SERVERS}/{key}").status_code == 204
    server = show(modern, key)
    assert (server["status"], server["OS-EXT-STS:task_state"]) == ("ACTIVE", "deleting")
    eventually(lambda: modern("GET", f"{SERVERS}/{key}").status_code == 404)
    assert modern.get(ports)["ports"] == []


def test_what_its_user_made_stays_when_a_server_goes(modern: Rest) -> None:
    network = modern.get("network/v2.0/networks?name=private")["networks"][0]["id"]
    outside = modern.get("network/v2.0/networks?name=public")["networks"][0]["id"]
    port = modern("POST", "network/v2.0/ports", {"port": {"network_id": network}}).json()["port"]
    mine = new_server(modern, "mine", networks=[{"port": port["id"]}])
    novas = new_server(modern, "novas")
    when(modern, mine, "ACTIVE")
    when(modern, novas, "ACTIVE")
    other = modern.get(f"network/v2.0/ports?device_id={novas}")["ports"][0]
    made = modern(
        "POST",
        "network/v2.0/floatingips",
        {"floatingip": {"floating_network_id": outside, "port_id": other["id"]}},
    ).json()["floatingip"]
    kinds = [one["OS-EXT-IPS:type"] for one in show(modern, novas)["addresses"]["private"]]
    assert kinds == ["fixed", "floating"]
    for key in (mine, novas):
        modern("DELETE", f"{SERVERS}/{key}")
        eventually(lambda key=key: modern("GET", f"{SERVERS}/{key}").status_code == 404)  # type: ignore[misc]
    assert modern.get(f"network/v2.0/ports/{port['id']}")["port"]["device_id"] == ""
    left = modern.get(f"network/v2.0/floatingips/{made['id']}")["floatingip"]
    assert (left["status"], left["port_id"]) == ("DOWN", None)


def test_addresses_lag_behind_floating_ips(clouds: DemoCloud, modern: Rest) -> None:
    key = new_server(modern)
    when(modern, key, "ACTIVE")
    clouds.set("modern", address_seconds=60)
    outside = modern.get("network/v2.0/networks?name=public")["networks"][0]["id"]
    port = modern.get(f"network/v2.0/ports?device_id={key}")["ports"][0]["id"]
    body = {"floatingip": {"floating_network_id": outside, "port_id": port}}
    assert modern("POST", "network/v2.0/floatingips", body).status_code == 201
    assert len(show(modern, key)["addresses"]["private"]) == 1


REFUSED = [
    ({"flavorRef": "nope"}, "", 400, "Flavor nope could not be found."),
    ({"imageRef": "nope"}, "", 400, "is not valid under any of the given schemas"),
    (
        {"imageRef": "0" * 8 + "-0000-4000-8000-" + "0" * 12},
        "",
        400,
        "Can not find requested image",
    ),
    ({"imageRef": ""}, "", 400, "Missing imageRef attribute"),
    ({"key_name": "nope"}, "", 400, "Invalid key_name provided."),
    ({"name": ""}, "", 400, "'' should be non-empty"),
    ({"user_data": "A" * 70_000}, "", 400, "is too long"),
    ({"metadata": {"a": "x" * 256}}, "", 400, "is too long"),
    ({"security_groups": [{"name": "nope"}]}, "", 400, "Unable to find security_group"),
    ({"availability_zone": "nope"}, "", 400, "The requested availability zone is not available"),
    ({"networks": "auto"}, "", 400, "is not of type 'array'"),
    ({}, "2.37", 400, "'networks' is a required property"),
    ({"junk": 1}, "", 400, "Additional properties are not allowed ('junk' was unexpected)"),
    ({"networks": [{"uuid": "x"}]}, "", 400, "Network x could not be found."),
]


@pytest.mark.parametrize(("change", "version", "status", "words"), REFUSED)
def test_what_is_refused(modern: Rest, change: Any, version: str, status: int, words: str) -> None:
    image = modern.get("image/v2/images")["images"][0]["id"]
    body = {"server": {"name": "one", "imageRef": image, "flavorRef": "2", **change}}
    answer = modern("POST", SERVERS, body, version=version)
    assert answer.status_code == status
    (fault,) = answer.json().values()
    assert fault["code"] == status
    assert words in fault["message"]


def test_networks_are_chosen_or_not(modern: Rest) -> None:
    modern("POST", "network/v2.0/networks", {"network": {"name": "second"}})
    image = modern.get("image/v2/images?name=cirros")["images"][0]["id"]
    wanted = {"name": "one", "imageRef": image, "flavorRef": "1"}
    answer = modern("POST", SERVERS, {"server": wanted})
    assert answer.status_code == 409
    assert "Multiple possible networks found" in answer.json()["conflictingRequest"]["message"]
    answer = modern("POST", SERVERS, {"server": wanted | {"networks": "none"}}, version="2.37")
    server = when(modern, answer.json()["server"]["id"], "ACTIVE")
    assert server["addresses"] == {}
    outside = modern.get("network/v2.0/networks?name=public")["networks"][0]["id"]
    answer = modern("POST", SERVERS, {"server": wanted | {"networks": [{"uuid": outside}]}})
    server = when(modern, answer.json()["server"]["id"], "ERROR")
    assert "Failed to allocate the network(s)" in server["fault"]["message"]


@pytest.mark.parametrize(
    ("quota", "words"),
    [
        (
            {"instances": 1, "cores": 1, "ram": 600},
            (
                "Quota exceeded for cores, instances, ram: Requested 1, 1, 512, but already used "
                "1, 1, 512 of 1, 1, 600 cores, instances, ram"
            ),
        ),
        (
            {"instances": 1},
            "Quota exceeded for instances: Requested 1, but already used 1 of 1 instances",
        ),
        ({"metadata_items": 0}, "Maximum number of metadata items exceeds 0"),
    ],
)
def test_quotas(clouds: DemoCloud, modern: Rest, quota: dict[str, int], words: str) -> None:
    key = new_server(modern)
    when(modern, key, "ACTIVE")
    clouds.set("modern", quota=quota)
    image = modern.get("image/v2/images?name=cirros")["images"][0]["id"]
    body = {"name": "two", "imageRef": image, "flavorRef": "1", "metadata": {"a": "b"}}
    answer = modern("POST", SERVERS, {"server": body})
    assert answer.status_code == 403
    assert answer.json()["forbidden"]["message"] == words
    limits = modern.get("compute/v2.1/limits")["limits"]["absolute"]
    assert (limits["totalInstancesUsed"], limits["totalRAMUsed"]) == (1, 512)


def test_a_volume_quota_ends_a_build(clouds: DemoCloud, modern: Rest) -> None:
    clouds.set("modern", quota={"volumes": 0})
    image = modern.get("image/v2/images")["images"][0]["id"]
    device = {
        "uuid": image,
        "source_type": "image",
        "destination_type": "volume",
        "boot_index": 0,
        "volume_size": 1,
    }
    key = new_server(modern, imageRef=None, block_device_mapping_v2=[device])
    server = when(modern, key, "ERROR")
    assert server["fault"]["code"] == 500
    assert "VolumeLimitExceeded: Maximum number" in server["fault"]["message"]
    assert server["image"] == ""


def test_key_pairs(rest: Make) -> None:
    demo, other = rest("modern"), rest("modern-other")
    pairs = "compute/v2.1/os-keypairs"
    made = demo("POST", pairs, {"keypair": {"name": "mine"}}).json()["keypair"]
    load_ssh_private_key(made["private_key"].encode(), None)
    again = demo("POST", pairs, {"keypair": {"name": "mine"}})
    assert again.status_code == 409
    given = {"keypair": {"name": "given", "public_key": made["public_key"]}}
    answer = demo("POST", pairs, given)
    assert answer.json()["keypair"]["fingerprint"] == made["fingerprint"]
    assert "private_key" not in answer.json()["keypair"]
    # Nova makes none from 2.92 on.
    assert demo("POST", pairs, {"keypair": {"name": "x"}}, version="2.92").status_code == 400
    bad = {"keypair": {"name": "x", "public_key": "junk"}}
    assert demo("POST", pairs, bad).status_code == 400
    assert other.get(pairs)["keypairs"] == []
    names = [one["keypair"]["name"] for one in demo.get(pairs)["keypairs"]]
    assert names == ["given", "mine"]
    assert demo("DELETE", f"{pairs}/mine").status_code == 202
    assert demo("DELETE", f"{pairs}/mine", version="2.10").status_code == 404


def test_key_pair_quota(clouds: DemoCloud, modern: Rest) -> None:
    clouds.set("modern", quota={"key_pairs": 0})
    answer = modern("POST", "compute/v2.1/os-keypairs", {"keypair": {"name": "mine"}})
    assert answer.status_code == 403
    assert answer.json()["forbidden"]["message"] == "Quota exceeded, too many key pairs."


def test_locked_and_lock_reason(modern: Rest) -> None:
    key = new_server(modern)
    when(modern, key, "ACTIVE")
    action = f"{SERVERS}/{key}/action"
    modern("POST", action, {"lock": {"locked_reason": "mine"}}, version="2.73")
    assert show(modern, key, version="2.73")["locked_reason"] == "mine"
    assert modern("DELETE", f"{SERVERS}/{key}").status_code == 409
    modern("POST", action, {"unlock": None})
    assert modern("DELETE", f"{SERVERS}/{key}").status_code == 204


def test_a_reader_may_not(rest: Make) -> None:
    reader = rest("modern-reader")
    image = reader.get("image/v2/images")["images"][0]["id"]
    body = {"server": {"name": "one", "imageRef": image, "flavorRef": "1"}}
    answer = reader("POST", SERVERS, body)
    assert answer.status_code == 403
    assert answer.json()["forbidden"]["message"].startswith("Policy doesn't allow")


def test_one_project_never_sees_anothers(rest: Make) -> None:
    demo, other, admin = rest("modern"), rest("modern-other"), rest("modern-admin")
    key = new_server(demo)
    assert other("GET", f"{SERVERS}/{key}").status_code == 404
    assert other("DELETE", f"{SERVERS}/{key}").status_code == 404
    assert other.get(SERVERS)["servers"] == []
    assert [one["id"] for one in admin.get(f"{SERVERS}?all_tenants=1")["servers"]] == [key]
    assert "OS-EXT-SRV-ATTR:host" in show(admin, key)
    assert "OS-EXT-SRV-ATTR:host" not in show(demo, key)


def test_any_stored_server_can_be_altered(clouds: DemoCloud, modern: Rest) -> None:
    (key,) = clouds.add_servers("modern", "east", 1)
    show(modern, key)
    clouds.alter("modern", "east", "servers", key, status="WONDERING", key_name=None, metadata=None)
    server = show(modern, key)
    assert (server["status"], server["metadata"]) == ("WONDERING", None)
    assert clouds.item("modern", "east", "servers", key)["status"] == "WONDERING"
    clouds.remove("modern", "east", "servers", key)
    assert modern("GET", f"{SERVERS}/{key}").status_code == 404
    with pytest.raises(ValueError, match="no nonsense"):
        clouds.items("modern", "east", "nonsense")


def test_two_flavors_of_one_name(clouds: DemoCloud, modern: Rest) -> None:
    made = clouds.add("modern", "east", "flavors", like="1", ram=1024)
    found = [
        (one["id"], one["ram"])
        for one in modern.get("compute/v2.1/flavors/detail")["flavors"]
        if one["name"] == "m1.tiny"
    ]
    assert sorted(found) == sorted([("1", 512), (made["id"], 1024)])
    with pytest.raises(ValueError, match="there is no 77 to be like"):
        clouds.add("modern", "east", "flavors", like="77")
