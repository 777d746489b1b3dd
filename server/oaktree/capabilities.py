"""What a region can do: from its catalog, its APIs' versions and extensions, and from the vendor
profiles that openstacksdk carries."""

from __future__ import annotations

from typing import Any

from oaktreemodel.v1.cloud_pb2 import (
    Capabilities,
    NetworkCapabilities,
    ObjectStorageCapabilities,
    ServiceCapabilities,
)
from oaktreemodel.v1.common_pb2 import Reference
from openstack import exceptions, utils

from oaktree import catalog, limits, networks, swift
from oaktree.errors import Refused
from oaktree.images import offers
from oaktree.place import Place
from oaktree.resources import availability_zone
from oaktree.row import Item

# The services that oaktree speaks to, in OpenStack's official words.
_SERVICES = {
    "compute": "compute",
    "image": "image",
    "network": "network",
    "block_storage": "block-storage",
    swift.SERVICE: "object-store",
}


def read(place: Place) -> Capabilities:
    """Everything at once; runs in a thread. A service that fails fails the whole, but for limits,
    which some clouds hide."""
    made = Capabilities()
    versions = {}
    for name, official in _SERVICES.items():
        if place.has_service(name):
            versions[official] = _service(place, name, official)
    for endpoint in catalog.read(place):
        made.services.append(versions.get(endpoint.type, ServiceCapabilities(type=endpoint.type)))
    made.location.CopyFrom(place.location())
    zones = availability_zone.read(place)

    def names(kind: str) -> list[str]:
        return [zone.name for zone in zones if zone.HasField(kind)]  # type: ignore[arg-type]

    if "compute" in versions:
        _compute(place, made.compute)
        made.compute.availability_zones[:] = names("is_compute_available")
    if "image" in versions:
        _image(place, made.image)
    if "network" in versions:
        _network(place, made.network)
        made.network.availability_zones[:] = names("is_network_available")
    if "block-storage" in versions:
        made.volume.availability_zones[:] = names("is_volume_available")
    if "object-store" in versions:
        _object_storage(place, made.object_storage)
    try:
        made.limits.CopyFrom(limits.read(place))
    except (Refused, exceptions.SDKException):
        made.ClearField("limits")
    return made


def _service(place: Place, name: str, official: str) -> ServiceCapabilities:
    data: Any = place.service(name).get_endpoint_data()

    def dotted(version: Any) -> str:
        return ".".join(map(str, version)) if version else ""

    return ServiceCapabilities(
        type=official,
        api_version=dotted(data.api_version),
        min_microversion=dotted(data.min_microversion),
        max_microversion=dotted(data.max_microversion),
    )


def _compute(place: Place, made: Any) -> None:
    adapter = place.service("compute")
    made.has_tags = utils.supports_microversion(adapter, "2.26")
    made.has_descriptions = utils.supports_microversion(adapter, "2.19")
    # Those that make none any more still do for who asks for an older microversion.
    made.can_make_keypairs = True


def _image(place: Place, made: Any) -> None:
    told = offers.read(place, seconds=0)
    made.disk_formats[:] = told.disk_formats
    made.container_formats[:] = told.container_formats
    made.preferred_disk_format = told.preferred_disk_format
    made.import_methods[:] = told.import_methods
    made.upload_method = told.way


def _reference(network: Item) -> Reference:
    return Reference(id=network["id"], name=network["name"])


def _network(place: Place, made: NetworkCapabilities) -> None:
    known = networks.read(place, seconds=0)
    made.has_floating_ips = known.has_floating_ips
    made.floating_ip_source = known.settings.floating_ip_source if known.has_routers else "none"
    made.external_networks.extend(map(_reference, known.external))
    made.internal_networks.extend(map(_reference, known.internal))
    made.extensions[:] = known.extensions
    try:
        default = known.for_server()
    except Refused:
        # A choice is needed.
        return
    if default is None:
        return
    made.default_network.CopyFrom(_reference(default))
    try:
        floating = known.floating_for(default)
    except Refused:
        made.needs_floating_ips = True
        return
    if floating is not None:
        made.needs_floating_ips = True
        made.floating_network.CopyFrom(_reference(floating))


def _object_storage(place: Place, made: ObjectStorageCapabilities) -> None:
    info = swift.info(place)
    made.max_object_size_bytes = info.max_object_bytes
    made.max_segment_count = info.max_segments
    made.min_segment_size_bytes = info.min_segment_bytes
    made.has_signed_urls = {"GET", "PUT"} <= set(info.signed_methods)
    made.has_bulk_delete = info.max_bulk_deletes > 0
    made.has_container_quotas = info.has_container_quotas
    made.max_listing_count = info.max_listing
    made.max_container_name_size_bytes = info.max_container_name_bytes
    made.max_object_name_size_bytes = info.max_object_name_bytes
    made.max_metadata_count = info.max_metadata_count
    made.max_metadata_size_bytes = info.max_metadata_bytes
    made.max_metadata_key_size_bytes = info.max_metadata_key_bytes
    made.max_metadata_value_size_bytes = info.max_metadata_value_bytes
    made.storage_policies[:] = info.policies
