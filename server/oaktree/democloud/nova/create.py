"""POST /servers: what it takes, what it refuses, and in which words."""

import base64
import binascii
from typing import Any
from uuid import uuid4

from ..core import ApiError, Call, Reply
from ..items import Item, Row
from ..policy import check_member
from . import life
from .networks import choose
from .service import SERVICE, bad, invalid, is_uuid, links

USER_DATA_MAX = 65535
# What a server's POST takes, and since which microversion 2.x.
TAKES = dict.fromkeys(
    [
        "name",
        "imageRef",
        "flavorRef",
        "networks",
        "metadata",
        "key_name",
        "config_drive",
        "user_data",
        "adminPass",
        "security_groups",
        "availability_zone",
        "block_device_mapping_v2",
        "block_device_mapping",
        "min_count",
        "max_count",
        "return_reservation_id",
        "accessIPv4",
        "accessIPv6",
        "OS-DCF:diskConfig",
    ],
    0,
) | {"description": 19, "tags": 52, "trusted_image_certificates": 63, "host": 74, "hostname": 90}


@SERVICE.route("POST", "/servers")
def create_server(call: Call) -> Reply:
    check_member(call, "os_compute_api:servers:create")
    wanted = (call.body or {}).get("server")
    if not isinstance(wanted, dict):
        raise invalid(
            "server", call.body, "Additional properties are not allowed or 'server' is missing"
        )
    _check_fields(call, wanted)
    name = check_name(wanted["name"])
    flavor = _flavor(call, wanted)
    devices = _block_devices(call, wanted)
    image = _image(call, wanted, devices, flavor)
    _check_user_data(wanted)
    check_metadata(call, wanted.get("metadata") or {})
    key = wanted.get("key_name")
    if key is not None and f"{call.token.user_id}/{key}" not in call.region.keypairs:
        raise bad("Invalid key_name provided.")
    groups, group_ids = _security_groups(call, wanted)
    networks = choose(call, wanted)
    zone = wanted.get("availability_zone")
    if zone not in (None, "", "nova"):
        raise bad("The requested availability zone is not available")
    count = int(wanted.get("min_count") or 1)
    check_quota(call, flavor, count)
    made = [
        life.new_server(
            call.region,
            call.project,
            call.token.user_id,
            flavor,
            name=name if count == 1 else f"{name}-{n + 1}",
            image_id=image["id"] if image else "",
            image_properties=dict(image["_properties"]) if image else {},
            metadata=dict(wanted.get("metadata") or {}),
            tags=list(wanted.get("tags") or []) if call.at_least(2, 52) else [],
            # Before there were descriptions, the name was one.
            description=wanted.get("description") if call.at_least(2, 19) else name,
            hostname=wanted.get("hostname") or name.lower().replace(" ", "-"),
            key_name=key,
            config_drive="True" if wanted.get("config_drive") in (True, "true", "True") else "",
            user_data=wanted.get("user_data"),
            disk_config=wanted.get("OS-DCF:diskConfig", "MANUAL"),
            pinned_zone=zone or None,
            zone=zone or "",
            scheduler_hints=(call.body or {}).get("os:scheduler_hints")
            or (call.body or {}).get("OS-SCH-HNT:scheduler_hints")
            or {},
            accessIPv4=wanted.get("accessIPv4", ""),
            accessIPv6=wanted.get("accessIPv6", ""),
            _groups=groups if networks else [],
            _group_ids=group_ids,
        )
        for n in range(count)
    ]
    for server in made:
        life.build(call, server, networks, devices)
    if wanted.get("return_reservation_id"):
        return Reply({"reservation_id": f"r-{uuid4().hex[:8]}"}, 202)
    return _accepted(call, made[0], groups)


def _accepted(call: Call, server: Item, groups: list[str]) -> Reply:
    own = links(call.base, "servers", server["id"])
    body = {
        "id": server["id"],
        "links": own,
        "OS-DCF:diskConfig": server["disk_config"],
        "security_groups": [{"name": name} for name in groups],
        "adminPass": uuid4().hex[:12],
    }
    return Reply({"server": body}, 202, {"location": own[0]["href"]})


def _check_fields(call: Call, wanted: Row) -> None:
    takes = [name for name, since in TAKES.items() if since == 0 or call.at_least(2, since)]
    for name in wanted:
        if name not in takes:
            raise invalid(
                "server", wanted, f"Additional properties are not allowed ({name!r} was unexpected)"
            )
    required = ["name", "flavorRef"] + (["networks"] if call.at_least(2, 37) else [])
    for name in required:
        if name not in wanted:
            raise invalid("server", wanted, f"{name!r} is a required property")


def check_name(name: Any) -> str:
    if not isinstance(name, str):
        raise invalid("name", name, f"{name!r} is not of type 'string'")
    if not name:
        raise invalid("name", name, "'' should be non-empty")
    if not name.strip():
        raise invalid("name", name, f"{name!r} has only whitespace")
    if len(name) > 255:
        raise invalid("name", name, f"{name!r} is too long")
    return name


def _flavor(call: Call, wanted: Row) -> Row:
    key = wanted["flavorRef"]
    # A link is as good as an id.
    flavor = call.region.flavors.get(str(key).rstrip("/").rsplit("/", 1)[-1])
    if flavor is None:
        raise bad(f"Flavor {key} could not be found.")
    return flavor


def _image(call: Call, wanted: Row, devices: list[Row], flavor: Row) -> Item | None:
    key = wanted.get("imageRef")
    if not key:
        if not devices:
            raise bad("Missing imageRef attribute")
        if not any(str(one.get("boot_index")) == "0" for one in devices):
            raise bad(
                "Block Device Mapping is Invalid: Boot sequence for the instance and "
                "image/block device mapping combination is not valid."
            )
        return None
    name = str(key).rstrip("/").rsplit("/", 1)[-1]
    if not is_uuid(name):
        raise invalid("imageRef", key, f"{key!r} is not valid under any of the given schemas")
    image = call.region.images.get(name)
    private = image is not None and image["visibility"] in ("private", "shared")
    if image is None or (private and image["owner"] != call.project and not call.is_admin):
        raise bad("Can not find requested image")
    if image["status"] != "active":
        raise bad(f"Image {key} is not active.")
    if image["min_ram"] > flavor["ram"]:
        raise bad("Flavor's memory is too small for requested image.")
    if flavor["disk"] and image["min_disk"] > flavor["disk"]:
        raise bad(
            f"Flavor's disk is too small for requested image. Flavor disk is "
            f"{flavor['disk'] << 30} bytes, image is {image['min_disk'] << 30} bytes."
        )
    return image


def _block_devices(call: Call, wanted: Row) -> list[Row]:
    devices: list[Row] = []
    for one in wanted.get("block_device_mapping_v2") or []:
        if "volume_type" in one and not call.at_least(2, 67):
            raise invalid(
                "0", one, "Additional properties are not allowed ('volume_type' was unexpected)"
            )
        source, target = one.get("source_type"), one.get("destination_type", "local")
        if source == "volume":
            volume = call.region.volumes.get(str(one.get("uuid")))
            if volume is None or volume["project_id"] != call.project:
                raise bad(
                    f"Block Device Mapping is Invalid: failed to get volume {one.get('uuid')}."
                )
            if volume["status"] != "available":
                raise bad(
                    "Block Device Mapping is Invalid: failed to get volume "
                    f"{volume['id']}. Invalid volume: status must be available."
                )
        elif source == "image" and str(one.get("uuid")) not in call.region.images:
            raise bad(f"Block Device Mapping is Invalid: failed to get image {one.get('uuid')}.")
        if source == "volume" or target == "volume":
            devices.append(one)
    return devices


def _check_user_data(wanted: Row) -> None:
    data = wanted.get("user_data")
    if data is None:
        return
    if len(data) > USER_DATA_MAX:
        raise invalid("user_data", data, f"{data!r} is too long")
    try:
        # As Nova: characters that are not of the alphabet are passed over.
        base64.b64decode(data)
    except (binascii.Error, ValueError):
        raise invalid("user_data", data, f"{data!r} is not a 'base64'") from None


def check_metadata(call: Call, metadata: Row) -> None:
    bound = call.cloud.settings.quota["metadata_items"]
    if 0 <= bound < len(metadata):
        raise ApiError(403, f"Maximum number of metadata items exceeds {bound}")
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise invalid(key, value, f"{value!r} is not of type 'string'")
        if len(value) > 255:
            raise invalid(key, value, f"{value!r} is too long")
        if not 0 < len(key) <= 255:
            raise invalid("metadata", metadata, f"{key!r} is too long")


def _security_groups(call: Call, wanted: Row) -> tuple[list[str], list[str]]:
    names: list[str] = []
    ids: list[str] = []
    for one in wanted.get("security_groups") or [{"name": "default"}]:
        name = one.get("name")
        found = [
            group
            for group in call.region.security_groups.where(project_id=call.project)
            if name in (group["name"], group["id"])
        ]
        if len(found) > 1:
            raise ApiError(
                409,
                f"Multiple security_group matches found for name '{name}', use an "
                "ID to be more specific.",
            )
        if not found and name != "default":
            raise bad(f"Unable to find security_group with name or id '{name}'")
        names.append(name)
        ids.extend(group["id"] for group in found)
    return names, ids


def check_quota(call: Call, flavor: Row, count: int) -> None:
    """Raises ApiError 403, whose text names all the quotas that would be exceeded."""
    servers = call.region.servers.where(project_id=call.project)
    used = usage(servers)
    asked = {"cores": flavor["vcpus"] * count, "instances": count, "ram": flavor["ram"] * count}
    quota = call.cloud.settings.quota
    over = [name for name in asked if 0 <= quota[name] < used[name] + asked[name]]
    if not over:
        return

    def numbers(values: Row) -> str:
        return ", ".join(str(values[name]) for name in over)

    names = ", ".join(over)
    raise ApiError(
        403,
        f"Quota exceeded for {names}: Requested {numbers(asked)}, but already used "
        f"{numbers(used)} of {numbers(quota)} {names}",
    )


def usage(servers: list[Item]) -> dict[str, int]:
    return {
        "instances": len(servers),
        "cores": sum(one["flavor"]["vcpus"] for one in servers),
        "ram": sum(one["flavor"]["ram"] for one in servers),
    }
