"""A user's script, for `mypy --strict`: what must be accepted, and what must not."""

import datetime
from collections.abc import Sequence
from typing import assert_type

import oaktreemodel
import oaktreemodel.aio
from oaktreemodel import v1


def use(address: str) -> str:
    with oaktreemodel.connect(address, ca="/etc/ca.pem") as client:
        cloud = client.cloud("devstack", region="r", project={"id": "p"})
        for image in cloud.images.list(where={"name": "cirros", ("properties", "os"): ["a", "b"]}):
            assert_type(image, v1.Image)
        server = cloud.servers.create(
            name="web",
            image="cirros",
            flavor="m1.tiny",
            nics=[{"network": "n"}, v1.ServerNic(port="p")],
            user_data=b"#!/bin/sh",
            metadata={"a": "b"},
            auto_ip=False,
        )
        assert_type(server, v1.Server)
        made = cloud.keypairs.create_with_secrets(name="k")
        assert_type(made.private_key.value, str)
        server = cloud.servers.wait(server.id, until="deleted", on_state=print, timeout=300)
        server = cloud.servers.wait(server.id, until=oaktreemodel.State.STATE_READY)
        cloud.servers.update(server.id, tags=["a"], metadata={"a": None})
        gone = cloud.floating_ips.delete_unattached(unused_for=datetime.timedelta(days=1))
        assert_type(gone, Sequence[v1.FloatingIp])
        assert_type(cloud.servers.get_console_output(server.id), str)
        client.at(server.location).servers.delete(server.id)

        cloud.servers.create(nmae="web")  # type: ignore[call-arg]
        cloud.servers.create(name=1)  # type: ignore[arg-type]
        cloud.servers.create(metadata=["a"])  # type: ignore[arg-type]
        cloud.servers.get()  # type: ignore[call-arg]
        cloud.servesr.get("web")  # type: ignore[attr-defined]
        return server.interface_ip


def handle(address: str) -> str:
    try:
        return use(address)
    except oaktreemodel.QuotaExceeded as error:
        return f"{error.quota}: {error.used} of {error.max}"
    except oaktreemodel.PartialFailure as error:
        return ", ".join(f"{one.cloud}: {one.reason}" for one in error.failures)
    except oaktreemodel.OaktreeError as error:
        return error.message


async def use_aio(address: str) -> v1.Server:
    async with oaktreemodel.aio.connect(address) as client:
        async for flavor in client.flavors.list(max_age=0, on_failure=print):
            assert_type(flavor, v1.Flavor)
        server = await client.cloud("devstack").servers.create(name="web")
        assert_type(server, v1.Server)
        for one in client.flavors.list():  # type: ignore[attr-defined]
            print(one)
        return server
