"""What one does with clouds, through an oaktree: `python demo/demo.py [ADDRESS [CLOUD REGION]]`.

Lists what all clouds have, then makes a server in one of them and deletes it again. Nothing here
knows what kind of cloud it is: whether it has floating IPs, which networks, how old it is.
"""

import sys
from collections import defaultdict

import oaktreemodel
from oaktreemodel.v1.scope_sync import Scope


def main(address: str, cloud: str, region: str) -> None:
    with oaktreemodel.connect(address) as client:
        show_everything(client)
        place = client.cloud(cloud, region=region)
        made = place.keypairs.create_with_secrets(name="demo-key")
        print(f"made the keypair {made.keypair.name}, {made.keypair.fingerprint}")
        try:
            make_a_server(place, made.keypair.name)
        finally:
            place.keypairs.delete(made.keypair.name)
            print("deleted the keypair")


def show_everything(client: Scope) -> None:
    """One list is all clouds and regions, asked side by side."""
    found = defaultdict(list)
    for image in client.images.list():
        found[image.location.cloud, image.location.region].append(image.name)
    for flavor in client.flavors.list():
        found[flavor.location.cloud, flavor.location.region].append(flavor.name)
    for place, names in sorted(found.items()):
        print(f"{'/'.join(place):18} {', '.join(sorted(names))}")


def make_a_server(place: Scope, key: str) -> None:
    image = min(place.images.list(), key=lambda one: one.size_bytes)
    flavor = min(place.flavors.list(), key=lambda one: one.ram_mib)
    server = place.servers.create(name="demo", image=image.id, flavor=flavor.id, key_name=key)
    try:
        where = f"{server.location.cloud}/{server.location.region}"
        print(f"making the server {server.name} of {image.name} and {flavor.name} in {where}")
        server = place.servers.wait(
            server.id, timeout=120, on_state=lambda seen: print(f"  it is {seen.status}")
        )
        for one in server.addresses:
            print(f"  {one.network}: {one.address} {one.kind}")
        print(f"  it is reached at {server.interface_ip}")
    finally:
        place.servers.delete(server.id)
        place.servers.wait(server.id, until="deleted", timeout=120)
        print("deleted the server")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*(given or ["127.0.0.1:50051"])[:1], *(given[1:] or ["modern", "east"]))
