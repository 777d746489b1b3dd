"""Records answers of a real OpenStack as golden items: `python record.py [CLOUD]`.

Makes one rich thing of every kind in the named cloud of clouds.yaml (as `devstack/up` writes it;
CLOUD-admin is its administrator), writes what the services say of it beside this file, and deletes
it. Each item is written at the newest microversion that oaktree asks for and, by compute, at none.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import openstack
from openstack import exceptions

HERE = Path(__file__).parent
NAME = "golden"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3sU0gc3cVgYz4aYnOmAPB8Wm7vS7cBn0zGgQ8jHk5z golden"
IMAGE_PROPERTIES = {
    "architecture": "x86_64",
    "auto_disk_config": "disabled",
    "hw_boot_menu": "true",
    "hw_cpu_cores": "2",
    "hw_cpu_policy": "shared",
    "hw_cpu_sockets": "1",
    "hw_cpu_thread_policy": "prefer",
    "hw_cpu_threads": "2",
    "hw_disk_bus": "virtio",
    "hw_machine_type": "q35",
    "hw_qemu_guest_agent": "yes",
    "hw_rng_model": "virtio",
    "hw_scsi_model": "virtio-scsi",
    "hw_serial_port_count": "2",
    "hw_video_model": "qxl",
    "hw_video_ram": "64",
    "hw_vif_model": "virtio",
    "hw_vif_multiqueue_enabled": "true",
    "hw_watchdog_action": "reset",
    "hypervisor_type": "qemu",
    "img_config_drive": "optional",
    "instance_type_rxtx_factor": "1.5",
    "instance_uuid": "0b6d9a5e-9a3f-4b0e-8d36-3b7a2f7f3c11",
    "kernel_id": "9c2f1f0e-5d3c-4c87-9f6c-6d3a9b1f7e22",
    "ramdisk_id": "1d7c5b8a-4e2f-4a6d-b0c9-8e7f6a5b4c33",
    "os_admin_user": "root",
    "os_command_line": "console=ttyS0",
    "os_distro": "cirros",
    "os_require_quiesce": "yes",
    "os_secure_boot": "optional",
    "os_shutdown_timeout": "90",
    "os_type": "linux",
    "os_version": "0.6",
    "vm_mode": "hvm",
    "vmware_adaptertype": "lsiLogic",
    "vmware_ostype": "otherGuest",
    "com.example.build": "42",
    "naïve ключ": "värde",
}


def write(noun: str, name: str, item: Any) -> None:
    path = HERE / noun / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(item, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def get(adapter: Any, path: str, key: str, microversion: str | None = None) -> Any:
    response = adapter.get(path, microversion=microversion)
    exceptions.raise_from_response(response)
    return response.json()[key] if key else response.json()


class Recorder:
    def __init__(self, cloud: str, undo: ExitStack) -> None:
        self.member: Any = openstack.connect(cloud)
        self.admin: Any = openstack.connect(f"{cloud}-admin")
        self._undo = undo

    def later(self, delete: Callable[..., Any], *args: Any) -> None:
        self._undo.callback(delete, *args)

    def networks(self) -> None:
        member, admin = self.member.network, self.admin.network
        policy = admin.create_qos_policy(name=NAME, shared=True)
        self.later(admin.delete_qos_policy, policy)
        scope = member.create_address_scope(name=NAME, ip_version=4)
        self.later(member.delete_address_scope, scope)
        pool = member.create_subnet_pool(
            name=NAME, prefixes=["10.77.0.0/16"], address_scope_id=scope.id, default_prefixlen=24
        )
        self.later(member.delete_subnet_pool, pool)
        self.network = member.create_network(
            name=NAME, description="Recorded, für alle", port_security_enabled=True, mtu=1400
        )
        self.later(member.delete_network, self.network)
        admin.update_network(self.network.id, qos_policy_id=policy.id)
        v4 = member.create_subnet(network_id=self.network.id, ip_version=4, subnet_pool_id=pool.id)
        v6 = member.create_subnet(
            network_id=self.network.id, ip_version=6, cidr="fd77::/64", name=NAME
        )
        for tag in ("zebra", "alpha", "oaktree_mark=1"):
            member.add_tag(self.network, tag)
        external = next(n for n in member.networks(is_router_external=True))
        self.external_id = external.id
        router = member.create_router(name=NAME, external_gateway_info={"network_id": external.id})
        self.later(member.delete_router, router)
        member.add_interface_to_router(router, subnet_id=v4.id)
        self.later(lambda: member.remove_interface_from_router(router, subnet_id=v4.id))
        group = member.create_security_group(name=NAME)
        self.later(member.delete_security_group, group)
        default = next(member.security_groups(name="default"))
        self.port = member.create_port(
            network_id=self.network.id,
            name=NAME,
            description="Recorded",
            allowed_address_pairs=[
                {"ip_address": "10.77.0.200", "mac_address": "fa:16:3e:00:00:99"},
                {"ip_address": "10.77.9.0/24"},
            ],
            extra_dhcp_opts=[
                {"opt_name": "server-ip-address", "opt_value": "10.77.0.3", "ip_version": 4},
                {"opt_name": "bootfile-name", "opt_value": "pxelinux.0"},
            ],
            security_groups=[group.id, default.id],
            fixed_ips=[{"subnet_id": v4.id}, {"subnet_id": v6.id}],
            tags=["two", "one"],
        )
        self.later(lambda: member.delete_port(self.port))
        admin.update_port(self.port.id, qos_policy_id=policy.id, numa_affinity_policy="preferred")
        self.floating = member.create_ip(
            floating_network_id=external.id, port_id=self.port.id, description="Recorded"
        )
        self.later(lambda: member.delete_ip(self.floating))
        unbound = member.create_ip(floating_network_id=external.id)
        self.later(member.delete_ip, unbound)
        admin.update_ip(self.floating.id, qos_policy_id=policy.id)
        member.add_tag(self.floating, "kept")
        write("floating_ip", "unbound", get(member, f"/floatingips/{unbound.id}", "floatingip"))
        for who, adapter in (("member", member), ("admin", admin)):
            write("network", who, get(adapter, f"/networks/{self.network.id}", "network"))
            write("network", f"external_{who}", get(adapter, f"/networks/{external.id}", "network"))
        write("port", "unbound", get(member, f"/ports/{self.port.id}", "port"))

    def bound(self) -> None:
        """What changes once a server is on the port."""
        for who, cloud in (("member", self.member), ("admin", self.admin)):
            adapter = cloud.network
            write("port", f"bound_{who}", get(adapter, f"/ports/{self.port.id}", "port"))
        floating = get(self.member.network, f"/floatingips/{self.floating.id}", "floatingip")
        write("floating_ip", "bound", floating)

    def image(self) -> None:
        image = self.member.image
        present = get(image, "/images?limit=1&status=active", "images")[0]
        write("image", "plain", present)
        body: dict[str, Any] = IMAGE_PROPERTIES | {"name": NAME, "disk_format": "raw"}
        body |= {
            "container_format": "bare",
            "min_disk": 3,
            "min_ram": 512,
            "tags": ["b", "a"],
            "os_hidden": False,
        }
        response = image.post("/images", json=body)
        exceptions.raise_from_response(response)
        made = response.json()
        self.later(image.delete_image, made["id"])
        write("image", "queued", get(image, f"/images/{made['id']}", ""))
        content = image.get(f"/images/{present['id']}/file").content
        headers = {"Content-Type": "application/octet-stream"}
        path = f"/images/{made['id']}/file"
        exceptions.raise_from_response(image.put(path, data=content, headers=headers))
        write("image", "rich", get(image, f"/images/{made['id']}", ""))
        self.image_id = present["id"]

    def keypair(self) -> None:
        compute = self.member.compute
        key = compute.create_keypair(name=f"{NAME} key", public_key=KEY)
        self.later(compute.delete_keypair, key)
        for name, version in (("newest", "2.91"), ("bare", None)):
            listed = get(compute, "/os-keypairs", "keypairs", version)
            item = next(entry for entry in listed if entry["keypair"]["name"] == key.name)
            write("keypair", f"listed_{name}", item["keypair"])
        write("keypair", "got", get(compute, f"/os-keypairs/{key.name}", "keypair", "2.91"))

    def flavor(self) -> None:
        compute = self.admin.compute
        flavor = compute.create_flavor(
            name=NAME, vcpus=1, ram=64, disk=1, swap=64, ephemeral=1, description="Recorded"
        )
        self.later(compute.delete_flavor, flavor)
        specs = {"hw:cpu_policy": "shared", "hw_rng:allowed": "True"}
        compute.create_flavor_extra_specs(flavor, specs)
        self.flavor_id = flavor.id
        for name, version in (("newest", "2.61"), ("bare", None)):
            write("flavor", name, get(compute, f"/flavors/{flavor.id}", "flavor", version))

    def volume(self) -> None:
        member = self.member.block_storage
        made = member.create_volume(
            size=1, name=NAME, description="Recorded", image_id=self.image_id,
            metadata={"a.b": "c", "naive key": "värde"},
        )  # fmt: skip
        self.later(lambda: member.delete_volume(made))
        self.volume_id = made.id
        member.wait_for_status(made, "available", failures=["error"], wait=120)
        write("volume", "available", get(member, f"/volumes/{made.id}", "volume", "3.71"))

    def servers(self) -> None:
        compute = self.member.compute
        group = compute.create_server_group(name=NAME, policy="soft-anti-affinity")
        self.later(compute.delete_server_group, group)
        made = compute.create_server(
            name=NAME,
            image_id=self.image_id,
            flavor_id=self.flavor_id,
            key_name=f"{NAME} key",
            networks=[{"port": self.port.id}],
            config_drive=True,
            metadata={"a.b.c": "dots", "naive key": "värde", "oaktree_request": "hidden"},
            description="Recorded",
            tags=["two", "one", "oaktree_mark"],
            access_ipv4="192.0.2.7",
            access_ipv6="2001:db8::7",
            scheduler_hints={"group": group.id},
        )
        self.later(self._gone, made)
        compute.wait_for_server(made, wait=180)
        compute.create_volume_attachment(made, volume_id=self.volume_id)
        storage = self.member.block_storage
        volume = storage.get_volume(self.volume_id)
        self.later(lambda: storage.wait_for_status(volume, "available", wait=120))
        self.later(lambda: compute.delete_volume_attachment(made, self.volume_id))
        storage.wait_for_status(volume, "in-use", wait=120)
        compute.lock_server(made, locked_reason="Recorded")
        self.later(compute.unlock_server, made)
        self._server(made, "rich")
        path = f"/volumes/{self.volume_id}"
        write("volume", "attached", get(self.member.block_storage, path, "volume", "3.71"))
        write("volume", "attached_admin", get(self.admin.block_storage, path, "volume", "3.71"))
        write("volume", "attached_bare", get(self.member.block_storage, path, "volume"))
        self.bound()
        unlucky = compute.create_server(
            name=f"{NAME} in error",
            image_id=self.image_id,
            flavor_id=self.flavor_id,
            # Accepted, and then refused by the network service.
            networks=[{"uuid": self.external_id}],
        )
        self.later(self._gone, unlucky)
        with suppress(exceptions.ResourceFailure):
            compute.wait_for_server(unlucky, wait=120)
        self._server(unlucky, "error")

    def _server(self, server: Any, name: str) -> None:
        for suffix, cloud, version in (
            ("newest", self.member, "2.100"),
            ("admin", self.admin, "2.100"),
            ("bare", self.member, None),
            ("bare_admin", self.admin, None),
        ):
            item = get(cloud.compute, f"/servers/{server.id}", "server", version)
            if details := item.get("fault", {}).get("details"):
                lines = details.strip().splitlines()
                item["fault"]["details"] = f"{lines[0]}\n{lines[-1]}\n"
            write("server", f"{name}_{suffix}", item)

    def _gone(self, server: Any) -> None:
        self.member.compute.delete_server(server)
        self.member.compute.wait_for_delete(server, wait=120)


def main() -> None:
    with ExitStack() as undo:
        recorder = Recorder(sys.argv[1] if len(sys.argv) > 1 else "devstack", undo)
        recorder.networks()
        recorder.image()
        recorder.keypair()
        recorder.flavor()
        recorder.volume()
        recorder.servers()


if __name__ == "__main__":
    main()
