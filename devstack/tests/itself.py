"""The cloud itself, seen through openstacksdk: what oaktree says is compared with this."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from openstack.config import OpenStackConfig
from openstack.connection import Connection
from openstack.exceptions import ForbiddenException

# Kind: (openstacksdk's proxy, its list, its deletion). Servers first: the others hang off them.
KINDS = {
    "server": ("compute", "servers", "delete_server"),
    "floating IP": ("network", "ips", "delete_ip"),
    "port": ("network", "ports", "delete_port"),
    "network": ("network", "networks", "delete_network"),
    "volume": ("block_storage", "volumes", "delete_volume"),
    "image": ("image", "images", "delete_image"),
    "keypair": ("compute", "keypairs", "delete_keypair"),
    "container": ("object_store", "containers", "delete_container"),
    "application credential": (
        "identity",
        "application_credentials",
        "delete_application_credential",
    ),
}
# What oaktree leaves for a while where it has to know what it made for which request.
CLAIM = re.compile(r"oaktree-[0-9a-f]{32}")
MARK = re.compile(r" ?oaktree_request=[0-9a-f]{32}$")


class Itself:
    """One project of the cloud."""

    def __init__(self, clouds_yaml: Path, name: str) -> None:
        config = OpenStackConfig(config_files=[str(clouds_yaml)]).get_one(cloud=name)
        connection = Connection(config=config)
        # Any: the services' types allow for every version there ever was.
        self.compute: Any = connection.compute
        self.network: Any = connection.network
        self.volume: Any = connection.block_storage
        self.image: Any = connection.image
        self.storage: Any = connection.object_store
        self.identity: Any = connection.identity
        self.project_id = str(connection.current_project_id)
        self.user_id = str(connection.current_user_id)
        self._connection = connection

    def things(self, kind: str) -> list[Any]:
        """All of a kind that the project has or sees, but for oaktree's own keypairs."""
        service, listing, _ = KINDS[kind]
        try:
            every = list(getattr(getattr(self._connection, service), listing)(*self._whose(kind)))
        except ForbiddenException:
            # Swift lists nothing to who may only read elsewhere, and who has no role can have none.
            assert kind == "container"
            return []
        return [thing for thing in every if not (kind == "keypair" and CLAIM.fullmatch(thing.name))]

    def token(self) -> str:
        """A new one, as `openstack token issue` gives it."""
        session: Any = self._connection.session
        return str(session.auth.get_auth_ref(session).auth_token)

    def revoke(self, token: str) -> None:
        self.identity.delete("/auth/tokens", headers={"X-Subject-Token": token})

    def ids(self, kind: str) -> set[str]:
        return {str(thing.id) for thing in self.things(kind)}

    def objects(self, container: str) -> dict[str, Any]:
        """All that is in a container, by name: what oaktree keeps there for itself, too."""
        return {str(one.name): one for one in self.storage.objects(container)}

    def called(self, prefix: str) -> dict[tuple[str, str], str]:
        """(kind, id) of everything whose name, or a floating IP's description, begins so."""
        found = {}
        for kind in KINDS:
            for thing in self.things(kind):
                name = thing.description if kind == "floating IP" else thing.name
                if (name or "").startswith(prefix):
                    found[kind, str(thing.id)] = str(name)
        return found

    def hangs_off(self, server_id: str) -> dict[tuple[str, str], str]:
        """(kind, id) of a server, its ports, their floating IPs and its volumes."""
        found = {("server", server_id): "the server"}
        for port in self.network.ports(device_id=server_id):
            found["port", str(port.id)] = "of the server"
            for floating in self.network.ips(port_id=port.id):
                found["floating IP", str(floating.id)] = str(floating.floating_ip_address)
        for attached in self.compute.volume_attachments(server_id):
            found["volume", str(attached.volume_id)] = "of the server"
        return found

    def still(self, things: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
        """Those of the things that exist."""
        ids = {kind: self.ids(kind) for kind in {kind for kind, _ in things}}
        return {key: word for key, word in things.items() if key[1] in ids[key[0]]}

    def delete(self, things: dict[tuple[str, str], str]) -> None:
        """Deletes what a test that failed left, and the floating IPs that oaktree made for it. What
        goes by itself meanwhile is as well."""
        servers = [identifier for kind, identifier in things if kind == "server"]
        for floating in self.things("floating IP") if servers else ():
            if (floating.description or "").removeprefix("oaktree server=") in servers:
                things = {("floating IP", str(floating.id)): "of a server", **things}
        for kind, (service, _, deletion) in KINDS.items():
            some = {key: word for key, word in things.items() if key[0] == kind}
            for _, identifier in some:
                if kind == "container":
                    for one in self.objects(identifier):
                        self.storage.delete_object(one, container=identifier)
                delete = getattr(getattr(self._connection, service), deletion)
                delete(*self._whose(kind), identifier)
            eventually(partial(self._gone, some))

    def _whose(self, kind: str) -> tuple[str, ...]:
        """What the cloud wants to be told first: some things belong to a user."""
        return (self.user_id,) if kind == "application credential" else ()

    def _gone(self, things: dict[tuple[str, str], str]) -> bool:
        return not self.still(things)


def users(metadata: Mapping[str, str]) -> dict[str, str]:
    """What of a thing's metadata is its user's: oaktree keeps marks of its own there."""
    return {key: value for key, value in metadata.items() if not key.startswith("oaktree_")}


def users_words(description: str) -> str:
    """What of a thing's description is its user's."""
    return MARK.sub("", description)


def eventually(true: Callable[[], Any]) -> Any:
    """Asks until it is true; what the cloud only begins takes a while to be done."""
    for _ in range(120):
        result = true()
        if result:
            return result
        time.sleep(0.5)
    raise AssertionError("it did not happen")
