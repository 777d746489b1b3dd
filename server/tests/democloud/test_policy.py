"""What readers may not do, in each service's words; what only admins see."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Rest, eventually, new_server, show

Make = Callable[..., Rest]
SERVER, VOLUME = "compute/v2.1/servers", "volume/v3/{project}/volumes"
SNAPSHOTS = "volume/v3/{project}/snapshots"
NETWORK, IMAGES = "network/v2.0", "image/v2/images"

FORBIDDEN: list[tuple[str, str, Any, str]] = [
    ("POST", SERVER, {"server": {}}, "os_compute_api:servers:create"),
    ("PUT", SERVER + "/{server}", {"server": {"name": "x"}}, "os_compute_api:servers:update"),
    ("DELETE", SERVER + "/{server}", None, "os_compute_api:servers:delete"),
    ("POST", SERVER + "/{server}/action", {"os-stop": None}, "os_compute_api:servers:stop"),
    ("POST", SERVER + "/{server}/action", {"pause": None}, "os_compute_api:os-pause-server:pause"),
    (
        "POST",
        SERVER + "/{server}/action",
        {"os-getConsoleOutput": {}},
        "os_compute_api:os-console-output",
    ),
    (
        "POST",
        SERVER + "/{server}/metadata",
        {"metadata": {"a": "b"}},
        "os_compute_api:server-metadata:create",
    ),
    ("PUT", SERVER + "/{server}/tags/one", None, "os_compute_api:os-server-tags:update"),
    ("DELETE", SERVER + "/{server}/tags", None, "os_compute_api:os-server-tags:delete_all"),
    (
        "POST",
        SERVER + "/{server}/os-volume_attachments",
        {"volumeAttachment": {"volumeId": "{volume}"}},
        "os_compute_api:os-volumes-attachments:create",
    ),
    (
        "POST",
        SERVER + "/{server}/os-interface",
        {},
        "os_compute_api:os-attach-interfaces:create",
    ),
    ("POST", VOLUME, {"volume": {"size": 1}}, "volume:create"),
    ("PUT", VOLUME + "/{volume}", {"volume": {"name": "x"}}, "volume:update"),
    ("DELETE", VOLUME + "/{volume}", None, "volume:delete"),
    ("POST", VOLUME + "/{volume}/action", {"os-extend": {"new_size": 2}}, "volume:extend"),
    (
        "POST",
        VOLUME + "/{volume}/metadata",
        {"metadata": {}},
        "volume:create_volume_metadata",
    ),
    (
        "POST",
        SNAPSHOTS,
        {"snapshot": {"volume_id": "{volume}"}},
        "volume:create_snapshot",
    ),
    ("POST", NETWORK + "/networks", {"network": {"name": "x"}}, "rule:create_network"),
    ("PUT", NETWORK + "/networks/{network}", {"network": {"name": "x"}}, "rule:update_network"),
    ("DELETE", NETWORK + "/networks/{network}", None, "rule:delete_network"),
    ("PUT", NETWORK + "/networks/{network}/tags/one", None, "rule:update_networks_tags"),
    ("POST", NETWORK + "/floatingips", {"floatingip": {}}, "rule:create_floatingip"),
    (
        "PUT",
        NETWORK + "/routers/{router}/remove_router_interface",
        {"subnet_id": "{subnet}"},
        "rule:remove_router_interface",
    ),
    ("POST", IMAGES, {"name": "x"}, "not authorized to complete add_image action"),
    ("DELETE", IMAGES + "/{image}", None, "not authorized to complete delete_image action"),
]


@pytest.fixture
def things(modern: Rest) -> dict[str, str]:
    """Ids of something of each kind that belongs to the project of `demo` and `reader`."""
    volumes = VOLUME.format(project=modern.project)
    volume = modern("POST", volumes, {"volume": {"size": 1}}).json()["volume"]["id"]
    eventually(lambda: modern.get(f"{volumes}/{volume}")["volume"]["status"] == "available")
    network = modern.get(f"{NETWORK}/networks?name=private")["networks"][0]
    image = {"name": "mine", "disk_format": "raw", "container_format": "bare"}
    return {
        "project": modern.project,
        "server": new_server(modern),
        "volume": volume,
        "network": network["id"],
        "subnet": network["subnets"][0],
        "router": modern.get(f"{NETWORK}/routers")["routers"][0]["id"],
        "image": modern("POST", IMAGES, image).json()["id"],
    }


def with_ids(value: Any, things: dict[str, str]) -> Any:
    text = json.dumps(value)
    for name, key in things.items():
        text = text.replace(f"{{{name}}}", key)
    return json.loads(text)


def test_a_reader_changes_nothing(things: dict[str, str], rest: Make) -> None:
    reader = rest("modern-reader", "east")
    for method, path, body, words in FORBIDDEN:
        version = "2.100" if path.startswith(SERVER) else ""
        filled = with_ids(body, things)
        answer = reader(method, with_ids(path, things), filled, version=version)
        assert answer.status_code == 403, (method, path, answer.text)
        assert words in answer.text, (method, path, answer.text)
    assert show(reader, things["server"])["status"]


def test_a_reader_has_key_pairs(rest: Make) -> None:
    """They are the user's, whatever its role in the project."""
    reader = rest("modern-reader", "east")
    pair = {"keypair": {"name": "mine"}}
    assert reader("POST", "compute/v2.1/os-keypairs", pair).status_code == 200


def test_what_is_not_there_is_404_for_readers_too(rest: Make) -> None:
    reader = rest("modern-reader", "east")
    nobody = "00000000-0000-0000-0000-000000000000"
    assert reader("DELETE", f"{SERVER}/{nobody}").status_code == 404
    volumes = VOLUME.format(project=reader.project)
    assert reader("DELETE", f"{volumes}/{nobody}").status_code == 404


def test_only_admins_see_where_things_are(things: dict[str, str], rest: Make) -> None:
    for name in ("modern", "modern-reader", "modern-admin"):
        asking, admin = rest(name, "east"), name == "modern-admin"
        server = show(asking, things["server"])
        assert ("OS-EXT-SRV-ATTR:host" in server) is admin
        network = asking.get(f"{NETWORK}/networks/{things['network']}")["network"]
        assert ("provider:network_type" in network) is admin
        volume = asking.get(f"volume/v3/{asking.project}/volumes/{things['volume']}")["volume"]
        assert ("os-vol-host-attr:host" in volume) is admin
