"""What a cloud's image service takes, and how: from its schema, and from the vendor profiles that
openstacksdk carries. Runs in a place's threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from oaktree.errors import listed, not_offered
from oaktree.place import Place
from oaktree.row import Item
from oaktree.writes import check

Way = Literal["put", "import", "task"]
# It changes with a cloud's upgrades.
KEPT_SECONDS = 300.0


@dataclass(frozen=True)
class Offers:
    """What the image service takes."""

    # Empty where it does not say.
    disk_formats: tuple[str, ...]
    container_formats: tuple[str, ...]
    import_methods: tuple[str, ...]
    # What its servers are made from best; empty where nobody knows.
    preferred_disk_format: str
    # How bytes come to it.
    way: Way
    # What to note on images so that no agent of the vendor's is waited for in them.
    without_agent: Item

    def check_format(self, disk_format: str) -> None:
        """NOT_OFFERED if the cloud takes no such disks."""
        if disk_format in self.disk_formats or not self.disk_formats:
            return
        preferred = self.preferred_disk_format
        likes = f"; best is {preferred}" if preferred in self.disk_formats else ""
        raise not_offered(
            f"the cloud takes no images of the disk format {disk_format!r}; it takes "
            f"{listed(self.disk_formats)}{likes}"
        )


def read(place: Place, seconds: float = KEPT_SECONDS) -> Offers:
    """As it was at most so many seconds ago."""
    return place.kept("offers of images", seconds, lambda: _read(place))


def _read(place: Place) -> Offers:
    adapter = place.service("image")
    properties = check(adapter.get("/schemas/image")).json().get("properties", {})
    disk_formats = _enum(properties.get("disk_format"))
    info = adapter.get("/info/import")
    methods = info.json().get("import-methods", {}).get("value", []) if info.ok else []
    profile = place.config.config
    way: Way = "put"
    if profile.get("image_api_use_tasks"):
        way = "task"
    elif profile.get("image_api_use_import"):
        way = "import"
    return Offers(
        disk_formats,
        _enum(properties.get("container_format")),
        tuple(sorted(methods)),
        profile.get("image_format") or ("qcow2" if "qcow2" in disk_formats else ""),
        way,
        {key: str(value) for key, value in (profile.get("disable_vendor_agent") or {}).items()},
    )


def _enum(schema: Item | None) -> tuple[str, ...]:
    # null stands among them for "not known yet".
    return tuple(sorted(value for value in (schema or {}).get("enum", ()) if value))
