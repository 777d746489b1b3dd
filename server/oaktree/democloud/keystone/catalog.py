"""Where the services are."""

from ..cloud import Cloud
from ..items import Row

# service type and name: where it is below the region's address
ENDPOINTS = {
    ("compute", "nova"): "compute/{nova}",
    ("network", "neutron"): "network",
    ("image", "glance"): "image",
    ("{volume}", "cinder"): "volume/{cinder}/{project}",
}


def catalog(cloud: Cloud, project: str) -> list[Row]:
    old = cloud.profile.old
    words = {
        "nova": "v2.1",
        "cinder": "v2" if old else "v3",
        "volume": "volumev2" if old else "block-storage",
        "project": project,
    }
    services = [_service(cloud, "identity", "keystone", dict.fromkeys(cloud.regions, "/identity"))]
    for (kind, name), path in ENDPOINTS.items():
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
