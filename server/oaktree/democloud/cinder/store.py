"""Volumes: what Cinder does for its users and for Nova."""

from typing import Any

from ..cloud import Region, new_id, now
from ..core import ApiError
from ..items import Item, Row


def stamp() -> str:
    return now(".000000")


def used(region: Region, project: str) -> tuple[int, int]:
    """How many volumes, and how many GiB in them and in snapshots."""
    volumes = region.volumes.where(project_id=project)
    snapshots = region.snapshots.where(project_id=project)
    return len(volumes), sum(one["size"] for one in volumes) + sum(
        one["volume_size"] for one in snapshots
    )


def check_quota(region: Region, project: str, size: int, *, count: int = 1) -> None:
    """Raises ApiError 413, as Cinder words it."""
    quota = region.cloud.settings.quota
    have, gigabytes = used(region, project)
    retry = {"retry-after": "0"}
    bound = quota["per_volume_gigabytes"]
    if 0 <= bound < size:
        raise ApiError(
            413,
            f"VolumeSizeExceedsLimit: Requested volume size {size}G is larger than maximum "
            f"allowed limit {bound}G.",
            headers=retry,
        )
    if count and 0 <= quota["volumes"] <= have:
        raise ApiError(
            413,
            f"VolumeLimitExceeded: Maximum number of volumes allowed ({quota['volumes']}) exceeded "
            "for quota 'volumes'.",
            headers=retry,
        )
    if 0 <= quota["gigabytes"] < gigabytes + size:
        raise ApiError(
            413,
            "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed "
            f"gigabytes quota. Requested {size}G, quota is {quota['gigabytes']}G and {gigabytes}G "
            "has been consumed.",
            headers=retry,
        )


def new_volume(region: Region, project: str, user: str, size: int, **values: Any) -> Item:
    defaults: Row = {
        "id": new_id(),
        "name": None,
        "description": None,
        "status": "creating",
        "size": size,
        "project_id": project,
        "user_id": user,
        "availability_zone": "nova",
        "volume_type": "lvmdriver-1",
        "bootable": False,
        "encrypted": False,
        "multiattach": False,
        "snapshot_id": None,
        "source_volid": None,
        "metadata": {},
        "image_metadata": {},
        "attachments": [],
        "created_at": stamp(),
        "updated_at": None,
    }
    return region.volumes.add(defaults | values)


def become(region: Region, volume: Item, status: str, **values: Any) -> None:
    if volume["id"] in region.volumes:
        volume.change(status=status, updated_at=stamp(), **values)


def image_metadata(image: Item) -> Row:
    return {
        "image_id": image["id"],
        "image_name": image["name"],
        "checksum": image["checksum"],
        "container_format": image["container_format"],
        "disk_format": image["disk_format"],
        "min_disk": str(image["min_disk"]),
        "min_ram": str(image["min_ram"]),
        "size": str(image["size"]),
    }


def connect(region: Region, server: Item, devices: list[Row]) -> None:
    """Attach what a server's POST asked for, making the volumes it asked to have made.

    Raises ApiError 413 where a quota is in the way.
    """
    for place, device in enumerate(devices):
        source, key = device["source_type"], device.get("uuid")
        if source == "volume":
            volume = region.volumes.get(str(key))
            if volume is None:
                raise ApiError(404, f"Volume {key} could not be found.")
        else:
            size = int(device.get("volume_size") or 1)
            check_quota(region, server["project_id"], size)
            values: Row = {"name": "", "volume_type": device.get("volume_type") or "lvmdriver-1"}
            if source == "image":
                image = region.images.get(str(key))
                if image is not None:
                    values |= {"bootable": True, "image_metadata": image_metadata(image)}
            elif source == "snapshot":
                values |= {"snapshot_id": key}
            volume = new_volume(region, server["project_id"], server["user_id"], size, **values)
        attach(volume, server["id"], f"/dev/vd{chr(ord('a') + place)}")
        end = bool(device.get("delete_on_termination"))
        server.change(
            volumes=[*server["volumes"], {"id": volume["id"], "delete_on_termination": end}]
        )


def attach(volume: Item, server_id: str, device: str) -> None:
    attachment = new_id()
    volume.change(
        status="in-use",
        updated_at=stamp(),
        attachments=[
            *volume["attachments"],
            {
                "id": volume["id"],
                "attachment_id": attachment,
                "volume_id": volume["id"],
                "server_id": server_id,
                "host_name": None,
                "device": device,
                "attached_at": stamp(),
            },
        ],
    )


def detach(volume: Item, server_id: str) -> None:
    left = [one for one in volume["attachments"] if one["server_id"] != server_id]
    volume.change(status="in-use" if left else "available", updated_at=stamp(), attachments=left)


def remove(region: Region, volume: Item) -> None:
    region.volumes.remove(volume["id"])
