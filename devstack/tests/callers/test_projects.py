"""What a project and a role let callers see and do, in the cloud's own words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import oaktreemodel
import pytest
from oaktreemodel import State
from oaktreemodel.v1 import Project

from ..conftest import SERVER
from ..itself import Itself
from .conftest import (
    forbidden,
    listed,
    synced,
)


def test_two_projects(
    demo: Any, other: Any, admin: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    """What is called the same in both is each project's own."""
    both = {"demo": demo, "other": other}
    events = other.ports.watch(where={"name": name}, timeout=300)
    synced(events)
    ids = {}
    for project, client in both.items():
        port = client.ports.create(network="private", name=name)
        client.keypairs.create(name=name)
        ids[project] = port.id
        assert (port.location.project.name, port.location.project.id) == (
            project,
            itself(project).project_id,
        )
        assert port.id in itself(project).ids("port")
    assert next(event for event in events if event.kind == "changed").id == ids["other"]
    for mine, others in (("demo", "other"), ("other", "demo")):
        client = both[mine]
        assert [port.id for port in client.ports.list(where={"name": name})] == [ids[mine]]
        assert client.ports.get(name).id == ids[mine]
        for act in (client.ports.get, client.ports.delete):
            with pytest.raises(oaktreemodel.NotFound):
                act(ids[others])
        for named in (Project(name=others), Project(id=itself(others).project_id)):
            scope = client.cloud("devstack", project=named)
            forbidden(partial(scope.ports.get, ids[others]), "the call's token is for the project")
            forbidden(partial(listed, scope.ports), "the call's token is for the project")
    seen = admin.ports.list(where={"name": name}, all_projects=True)
    assert {port.location.project.id: port.id for port in seen} == {
        itself(project).project_id: identifier for project, identifier in ids.items()
    }
    for client in both.values():
        client.ports.delete(name)
        client.keypairs.delete(name)
    assert next(event for event in events if event.kind == "removed").id == ids["other"]
    events.close()


def test_who_may_only_read(demo: Any, reader: Any, admin: Any, name: str) -> None:
    port = demo.ports.create(network="private", name=name)
    demo.keypairs.create(name=name)
    assert reader.ports.get(name).id == port.id
    # It is demo's own, and not the project's.
    with pytest.raises(oaktreemodel.NotFound):
        reader.keypairs.get(name)
    forbidden(partial(reader.ports.delete, name), "delete_port")
    forbidden(partial(reader.networks.create, name=name), "create_network")
    forbidden(partial(reader.volumes.create, name=name, size_gib=1), "volume:create")
    forbidden(partial(reader.servers.create, name=name, **SERVER), "")
    for client, seen in ((demo, ""), (reader, ""), (admin, "flat")):
        assert client.networks.get("public").provider_network_type == seen
    demo.ports.delete(name)
    demo.keypairs.delete(name)


def test_give_me_a_server(
    demo: Any, reader: Any, admin: Any, name: str, itself: Callable[[str], Itself]
) -> None:
    cloud = itself("demo")
    server = demo.servers.create(name=name, **SERVER)
    server = demo.servers.wait(server.id, timeout=180)
    assert server.state == State.STATE_READY
    [floating] = cloud.network.ips(floating_ip_address=server.public_v4)
    assert floating.port_id
    assert server.location.project.id == cloud.project_id
    assert not server.instance_name
    assert not reader.servers.get(name).instance_name
    [seen] = admin.servers.list(where={"id": server.id}, all_projects=True)
    assert seen.instance_name
    forbidden(partial(reader.servers.delete, name), "os_compute_api:servers:delete")
    things = cloud.hangs_off(server.id)
    assert sorted(kind for kind, _ in things) == ["floating IP", "port", "server"]
    demo.servers.delete(server.id)
    demo.servers.wait(server.id, until="deleted", timeout=180)
    assert not cloud.still(things)
