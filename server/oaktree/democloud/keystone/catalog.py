"""Where the services are."""

from ..cloud import Cloud
from ..items import Row

# service type and name: where it is below the region's address
ENDPOINTS = {
    ("compute", "nova"): "compute/{nova}",
    ("network", "neutron"): "network",
    ("image", "glance"): "image",
    ("{volume}", "cinder"): "volume/{cinder}/{project}",
    ("object-store", "swift"): "object-store/v1/AUTH_{project}",
}


def service_type(cloud: Cloud, service: str) -> str:
    """The type a service has in the catalog; its name here is that everywhere but in one case."""
    if service != "volume":
        return service
    return "volumev2" if cloud.profile.old else "block-storage"


def catalog(cloud: Cloud, project: str) -> list[Row]:
    words = {
        "nova": "v2.1",
        "cinder": "v2" if cloud.profile.old else "v3",
        "volume": service_type(cloud, "volume"),
        "project": project,
    }
    services = [_service(cloud, "identity", "keystone", dict.fromkeys(cloud.regions, "/identity"))]
    for (kind, name), path in ENDPOINTS.items():
        if kind == "object-store" and not cloud.profile.object_store:
            continue
        urls = {region: f"/{region}/{path.format(**words)}" for region in cloud.regions}
        services.append(_service(cloud, kind.format(**words), name, urls))
    return services


def _service(cloud: Cloud, kind: str, name: str, urls: dict[str, str]) -> Row:
    return {
        "id": cloud.fixed_id("service", kind).replace("-", ""),
        "type": kind,
        "name": name,
        "endpoints": [
            {
                "id": cloud.fixed_id("endpoint", kind, region, interface).replace("-", ""),
                "interface": interface,
                "region": region,
                "region_id": region,
                "url": cloud.address + path,
            }
            for region, path in urls.items()
            for interface in ("public", "internal", "admin")
        ],
    }
