"""Fill the new cloud: ``seed.py STEP [ARGUMENT...]``. Every step may be repeated.

identity             projects, users, endpoints, Glance's quotas; clouds.yaml
resources            flavors, an image, networks, a volume type, the tight project's quotas
ready PROCESS...     wait until these workers of Nova and Cinder have reported since they started
"""

import datetime
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import openstack
import yaml

PASSWORD = os.environ["DEVSTACK_PASSWORD"]
KEYSTONE_URL = os.environ["KEYSTONE_URL"]

# All endpoints of a service are the same server in either region: enough to test their choice.
REGIONS = ("RegionOne", "RegionTwo")


def address(service: str, path: str = "") -> str:
    return f"http://127.0.0.1:{os.environ[service + '_PORT']}{path}"


# user: its services' (type, name, address)
SERVICES = {
    "glance": [("image", "glance", address("GLANCE"))],
    "placement": [("placement", "placement", address("PLACEMENT"))],
    "nova": [("compute", "nova", address("NOVA", "/v2.1"))],
    "neutron": [("network", "neutron", address("NEUTRON"))],
    "cinder": [
        ("block-storage", "cinder", address("CINDER", "/v3")),
        # The type's older name, which many clients still look for.
        ("volumev3", "cinderv3", address("CINDER", "/v3/$(project_id)s")),
    ],
    "swift": [("object-store", "swift", address("SWIFT", "/v1/AUTH_$(project_id)s"))],
}

# user: (project, role)
USERS = {
    "demo": ("demo", "member"),
    "reader": ("demo", "reader"),
    "other": ("other", "member"),
    "tight": ("tight", "member"),
    # Has no network, so that tests can lay some out.
    "bare": ("bare", "member"),
}

# Glance asks Keystone for its quotas, and refuses everything while they are not registered.
IMAGE_LIMITS = {
    "image_size_total": 10_000,
    "image_stage_total": 10_000,
    "image_count_total": 1_000,
    "image_count_uploading": 100,
}

# Room for one m1.tiny server with a floating IP, one small volume and one image. The one network
# is the project's own `private`, whose router has one of the ports; one is left beside a server's.
TIGHT_IMAGE_COUNT = 1
TIGHT_COMPUTE = {"instances": 1, "cores": 2, "ram": 1024}
TIGHT_VOLUME = {"volumes": 1, "gigabytes": 2, "snapshots": 1}
TIGHT_NETWORK = {"network": 1, "port": 3, "floatingip": 1}


def connect(user: str, project: str) -> Any:
    """A connection, Any because its services' types allow for every version there ever was."""
    return openstack.connect(
        load_yaml_config=False, load_envvars=False, **cloud(user, project, PASSWORD)
    )


def cloud(user: str, project: str, password: str) -> dict[str, Any]:
    return {
        "auth": {
            "auth_url": KEYSTONE_URL,
            "username": user,
            "password": password,
            "project_name": project,
            "user_domain_id": "default",
            "project_domain_id": "default",
        },
        "region_name": REGIONS[0],
    }


def ensure_user(ident: Any, name: str, project: str, roles: Iterable[str]) -> None:
    user = ident.find_user(name) or ident.create_user(
        name=name, password=PASSWORD, domain_id="default"
    )
    home = ident.find_project(project) or ident.create_project(name=project, domain_id="default")
    for role in roles:
        ident.assign_project_role_to_user(home, user, ident.find_role(role))


def ensure_endpoints(ident: Any, service: Any, url: str) -> None:
    there = {(e.region_id, e.interface) for e in ident.endpoints(service_id=service.id)}
    for region in REGIONS:
        for interface in ("public", "internal", "admin"):
            if (region, interface) not in there:
                ident.create_endpoint(
                    service_id=service.id, interface=interface, url=url, region_id=region
                )


def ensure_image_limits(ident: Any) -> None:
    glance = ident.find_user("glance")
    ident.assign_system_role_to_user(glance, ident.find_role("reader"), "all")
    scope = {"service_id": ident.find_service("glance").id, "region_id": REGIONS[0]}
    there = {limit.resource_name for limit in ident.registered_limits(**scope)}
    for name, default in IMAGE_LIMITS.items():
        if name not in there:
            ident.create_registered_limit(resource_name=name, default_limit=default, **scope)
    project = ident.find_project("tight")
    if not list(ident.limits(project_id=project.id)):
        ident.create_limit(
            project_id=project.id,
            resource_name="image_count_total",
            resource_limit=TIGHT_IMAGE_COUNT,
            **scope,
        )


def identity() -> None:
    ident = connect("admin", "admin").identity
    regions = {region.id for region in ident.regions()}
    for region in REGIONS:
        if region not in regions:
            ident.create_region(id=region)
    ensure_endpoints(ident, ident.find_service("keystone"), KEYSTONE_URL)
    for user, services in SERVICES.items():
        ensure_user(ident, user, "service", ("admin", "service"))
        for kind, name, url in services:
            service = ident.find_service(name) or ident.create_service(type=kind, name=name)
            ensure_endpoints(ident, service, url)
    for user, (project, role) in USERS.items():
        ensure_user(ident, user, project, (role,))
    ensure_image_limits(ident)
    write_clouds_yaml()


def write_clouds_yaml() -> None:
    demo = connect("demo", "demo")
    user = demo.current_user_id
    # A secret is told once only.
    old = demo.identity.find_application_credential(user, "devstack")
    if old:
        demo.identity.delete_application_credential(user, old)
    credential = demo.identity.create_application_credential(user, "devstack")

    clouds = {
        "devstack": cloud("demo", "demo", PASSWORD),
        "devstack-admin": cloud("admin", "admin", PASSWORD),
        "devstack-regions": {
            "auth": cloud("demo", "demo", PASSWORD)["auth"],
            "regions": list(REGIONS),
        },
        "devstack-other": cloud("other", "other", PASSWORD),
        "devstack-tight": cloud("tight", "tight", PASSWORD),
        "devstack-bare": cloud("bare", "bare", PASSWORD),
        "devstack-reader": cloud("reader", "demo", PASSWORD),
        "devstack-appcred": {
            "auth_type": "v3applicationcredential",
            "auth": {
                "auth_url": KEYSTONE_URL,
                "application_credential_id": credential.id,
                "application_credential_secret": credential.secret,
            },
            "region_name": REGIONS[0],
        },
        "devstack-badpassword": cloud("demo", "demo", "wrong"),
    }
    path = Path(os.environ["DEVSTACK_DIR"], "clouds.yaml")
    path.write_text(yaml.safe_dump({"clouds": clouds}, sort_keys=False))


def resources() -> None:
    admin = connect("admin", "admin")
    for name, ram, vcpus, disk in (
        ("m1.tiny", 512, 1, 1),
        ("m1.small", 2048, 1, 20),
        ("m1.medium", 4096, 2, 40),
        ("m1.large", 8192, 4, 80),
    ):
        if not admin.compute.find_flavor(name):
            admin.compute.create_flavor(name=name, ram=ram, vcpus=vcpus, disk=disk)

    if not admin.image.find_image("cirros"):
        admin.create_image(
            "cirros",
            data=os.urandom(4 << 20),
            disk_format="raw",
            container_format="bare",
            visibility="public",
            min_disk=1,
            wait=True,
        )

    if not admin.block_storage.find_type("files"):
        admin.block_storage.create_type(name="files")

    public = ensure_network(
        admin.network,
        {
            "name": "public",
            "is_router_external": True,
            "provider_network_type": "flat",
            "provider_physical_network": "public",
        },
        {
            "cidr": "172.24.4.0/24",
            "gateway_ip": "172.24.4.1",
            "is_dhcp_enabled": False,
            "allocation_pools": [{"start": "172.24.4.2", "end": "172.24.4.254"}],
        },
    )
    for project in ("demo", "other", "tight"):
        net = connect(project, project).network
        private = ensure_network(net, {"name": "private"}, {"cidr": "10.0.0.0/22"})
        router = net.find_router("router1") or net.create_router(
            name="router1", external_gateway_info={"network_id": public.id}
        )
        if not list(net.ports(device_id=router.id)):
            net.add_interface_to_router(router, subnet_id=private.subnet_ids[0])

    admin.set_compute_quotas("tight", **TIGHT_COMPUTE)
    admin.set_volume_quotas("tight", **TIGHT_VOLUME)
    admin.set_network_quotas("tight", **TIGHT_NETWORK)


def ensure_network(net: Any, network: Mapping[str, Any], subnet: Mapping[str, Any]) -> Any:
    """The network with its one subnet, which bears its name."""
    found = net.find_network(network["name"]) or net.create_network(**network)
    if not found.subnet_ids:
        net.create_subnet(network_id=found.id, name=found.name, ip_version=4, **subnet)
        found = net.get_network(found.id)
    return found


def ready(*processes: str) -> None:
    admin = connect("admin", "admin")
    run = Path(os.environ["RUN"])
    late = dict.fromkeys(processes)
    for _ in range(240):
        for service in (*admin.compute.services(), *admin.block_storage.services()):
            if service.binary not in late:
                continue
            # Its state "up" may still speak of the process before a restart.
            reported = datetime.datetime.fromisoformat(service.updated_at or "1970-01-01")
            started = (run / f"{service.binary}.pid").stat().st_mtime
            if reported.replace(tzinfo=datetime.UTC).timestamp() > started:
                del late[service.binary]
        if not late:
            return
        time.sleep(0.5)
    sys.exit(f"not up: {', '.join(late)}")


if __name__ == "__main__":
    steps: dict[str, Callable[..., None]] = {
        "identity": identity,
        "resources": resources,
        "ready": ready,
    }
    steps[sys.argv[1]](*sys.argv[2:])
