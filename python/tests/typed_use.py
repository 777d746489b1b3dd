"""A user's script, for `mypy --strict`: what must be accepted, and what must not."""

import datetime
from collections.abc import AsyncIterator, Sequence
from typing import assert_type

import oaktreemodel
import oaktreemodel.aio
from oaktreemodel import v1
from oaktreemodel.v1.flavor_pb2_grpc import FlavorServiceStub


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
        mirror = oaktreemodel.Mirror[v1.Server]()
        for event in cloud.servers.watch(where={"status": "ACTIVE"}, all_projects=True):
            assert_type(event, oaktreemodel.Event[v1.Server])
            assert_type(mirror.apply(event), list[v1.Server])
            if event.item is not None:
                assert_type(event.item, v1.Server)
            elif event.kind == "failed":
                assert_type(event.failure, oaktreemodel.OaktreeError | None)
            elif event.kind == "gone":  # type: ignore[comparison-overlap]
                return event.name
        assert_type(list(mirror.values()), list[v1.Server])

        image = cloud.images.upload("a.qcow2", name="a", tags=["t"], progress=show_progress)
        assert_type(image, v1.Image)
        assert_type(cloud.images.download("a", "a.qcow2", offset_bytes=1), v1.Image)
        for chunk in cloud.storage_objects.download_chunks("a", parent="c"):
            assert_type(chunk, bytes)
        done = oaktreemodel.upload_directory(cloud, "folder", "c", on_step=print, dry_run=True)
        assert_type(done.failed[0].error, Exception)
        cloud.images.upload(5, name="a")  # type: ignore[arg-type]
        cloud.images.upload("a", content=b"")  # type: ignore[call-arg]

        cloud.flavors.watch()  # type: ignore[attr-defined]
        cloud.servers.create(nmae="web")  # type: ignore[call-arg]
        cloud.servers.create(name=1)  # type: ignore[arg-type]
        cloud.servers.create(metadata=["a"])  # type: ignore[arg-type]
        cloud.servers.get()  # type: ignore[call-arg]
        cloud.servesr.get("web")  # type: ignore[attr-defined]
        FlavorServiceStub(client.channel).ListFlavors(
            v1.ListFlavorsRequest(), metadata=client.metadata()
        )
        oaktreemodel.connect(client_id="i", client_secret="s", cloud="c", credentials="/c.yaml")
        oaktreemodel.connect(token=b"t")  # type: ignore[arg-type]
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


def show(event: oaktreemodel.Event[oaktreemodel.Watchable]) -> None:
    print(event.kind, event.location.cloud, event.key.id, event.item and event.item.name)


def show_progress(progress: oaktreemodel.Progress) -> None:
    print(progress.name, progress.sent_bytes, progress.total_bytes)


async def some() -> AsyncIterator[bytes]:
    yield b"bytes"


async def use_aio(address: str) -> v1.Server:
    async with oaktreemodel.aio.connect(address) as client:
        async for flavor in client.flavors.list(max_age=0, on_failure=print):
            assert_type(flavor, v1.Flavor)
        async for event in client.images.watch():
            assert_type(event.item, v1.Image | None)
            show(event)
        assert_type(await client.images.upload(some(), name="a"), v1.Image)
        async for chunk in client.images.download_chunks("a"):
            assert_type(chunk, bytes)
        cloud = client.cloud("devstack")
        done = await oaktreemodel.aio.download_directory(cloud, "c", "", "folder")
        assert_type(done, oaktreemodel.DirectoryResult)
        server = await client.cloud("devstack").servers.create(name="web")
        assert_type(server, v1.Server)
        for one in client.flavors.list():  # type: ignore[attr-defined]
            print(one)
        return server
