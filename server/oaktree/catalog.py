"""A region's services, from its catalog."""

from __future__ import annotations

from oaktreemodel.v1.cloud_pb2 import CloudEndpoint
from os_service_types import ServiceTypes

from oaktree.place import Place

_TYPES = ServiceTypes()


def read(place: Place) -> list[CloudEndpoint]:
    """The region's part of the catalog, sorted by type. Runs in a thread."""
    access = place.catalog()
    interface = str(place.config.get_interface() or "public").removesuffix("URL")
    found: dict[str, CloudEndpoint] = {}
    for entry in access.service_catalog.catalog:
        official = _TYPES.get_service_type(entry["type"]) or entry["type"]
        for endpoint in entry.get("endpoints", ()):
            region = endpoint.get("region_id") or endpoint.get("region") or ""
            # Without a region in clouds.yaml, the first that the catalog names is used.
            here = not place.region or region == place.region
            if endpoint.get("interface") == interface and here:
                made = CloudEndpoint(
                    type=official, name=entry.get("name") or "", url=endpoint["url"]
                )
                found.setdefault(official, made)
    return [found[key] for key in sorted(found)]
