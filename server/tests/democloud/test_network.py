"""Neutron: floating IPs, revisions, tags, quotas, paging, and what Kilo did not have."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from oaktree.democloud import DemoCloud

from .conftest import Rest, new_server, when

Make = Callable[..., Rest]
NET = "network/v2.0"
LATER = ("project_id", "description", "created_at", "updated_at", "revision_number", "tags")


def make(rest: Rest, plural: str, singular: str, **values: Any) -> Any:
    answer = rest("POST", f"{NET}/{plural}", {singular: values})
    assert answer.status_code == 201, answer.text
    return answer.json()[singular]


def network(rest: Rest, name: str) -> str:
    key: str = rest.get(f"{NET}/networks?name={name}")["networks"][0]["id"]
    return key


def refused(answer: requests.Response) -> tuple[int, str]:
    """The status and the type of an error."""
    return answer.status_code, answer.json()["NeutronError"]["type"]


def test_one_floating_ip_a_port(modern: Rest) -> None:
    port = make(modern, "ports", "port", network_id=network(modern, "private"))
    wanted = {"floating_network_id": network(modern, "public"), "port_id": port["id"]}
    made = make(modern, "floatingips", "floatingip", **wanted)
    assert made["fixed_ip_address"] == port["fixed_ips"][0]["ip_address"]
    assert made["router_id"] == modern.get(f"{NET}/routers")["routers"][0]["id"]
    again = modern("POST", f"{NET}/floatingips", {"floatingip": wanted})
    assert refused(again) == (409, "FloatingIPPortAlreadyAssociated")
    assert len(modern.get(f"{NET}/floatingips")["floatingips"]) == 1
    shown = modern.get(f"{NET}/floatingips/{made['id']}")["floatingip"]
    assert (shown["status"], shown["port_details"]["device_id"]) == ("ACTIVE", "")
    change = {"floatingip": {"port_id": None}}
    free = modern("PUT", f"{NET}/floatingips/{made['id']}", change).json()["floatingip"]
    assert (free["status"], free["port_id"], free["router_id"]) == ("DOWN", None, None)
    bound = modern(
        "PUT", f"{NET}/floatingips/{made['id']}", {"floatingip": {"port_id": port["id"]}}
    )
    assert bound.json()["floatingip"]["port_id"] == port["id"]
    assert modern("DELETE", f"{NET}/floatingips/{made['id']}").status_code == 204


def test_a_floating_ip_needs_a_router_and_an_external_network(modern: Rest) -> None:
    own = make(modern, "networks", "network", name="mine")["id"]
    subnet = make(modern, "subnets", "subnet", network_id=own, cidr="10.9.0.0/24", ip_version=4)
    port = make(modern, "ports", "port", network_id=own)["id"]
    outside = network(modern, "public")
    wanted = {"floating_network_id": outside, "port_id": port}
    answer = modern("POST", f"{NET}/floatingips", {"floatingip": wanted})
    assert refused(answer) == (404, "ExternalGatewayForFloatingIPNotFound")
    assert modern.get(f"{NET}/floatingips")["floatingips"] == []
    answer = modern("POST", f"{NET}/floatingips", {"floatingip": {"floating_network_id": own}})
    assert refused(answer) == (400, "BadRequest")
    gateway = {"network_id": outside}
    router = make(modern, "routers", "router", name="mine", external_gateway_info=gateway)["id"]
    inside = {"subnet_id": subnet["id"]}
    interface = modern("PUT", f"{NET}/routers/{router}/add_router_interface", inside)
    assert interface.json()["subnet_ids"] == [subnet["id"]]
    made = make(modern, "floatingips", "floatingip", **wanted)
    remove = f"{NET}/routers/{router}/remove_router_interface"
    assert refused(modern("PUT", remove, inside)) == (409, "RouterInterfaceInUseByFloatingIP")
    assert refused(modern("DELETE", f"{NET}/routers/{router}")) == (409, "RouterInUse")
    modern("DELETE", f"{NET}/floatingips/{made['id']}")
    assert modern("PUT", remove, inside).status_code == 200
    assert modern("DELETE", f"{NET}/routers/{router}").status_code == 204


def test_ipv6_alone_takes_no_floating_ip(modern: Rest) -> None:
    own = make(modern, "networks", "network", name="six")["id"]
    make(modern, "subnets", "subnet", network_id=own, cidr="2001:db8:9::/64", ip_version=6)
    port = make(modern, "ports", "port", network_id=own)
    assert port["fixed_ips"][0]["ip_address"] == "2001:db8:9::2"
    wanted = {"floating_network_id": network(modern, "public"), "port_id": port["id"]}
    answer = modern("POST", f"{NET}/floatingips", {"floatingip": wanted})
    assert refused(answer) == (400, "BadRequest")
    assert "no fixed IPv4 addresses" in answer.json()["NeutronError"]["message"]


def test_revisions_guard_a_change(modern: Rest) -> None:
    made = make(modern, "floatingips", "floatingip", floating_network_id=network(modern, "public"))
    path = f"{NET}/floatingips/{made['id']}"
    changed = modern("PUT", path, {"floatingip": {"description": "mine"}}).json()["floatingip"]
    assert changed["revision_number"] == made["revision_number"] + 1
    stale = {"if-match": f"revision_number={made['revision_number']}"}
    assert refused(modern("DELETE", path, headers=stale)) == (412, "RevisionNumberConstraintFailed")
    fresh = {"if-match": f"revision_number={changed['revision_number']}"}
    assert modern("DELETE", path, headers=fresh).status_code == 204


@pytest.mark.parametrize(
    ("plural", "singular", "values"),
    [
        ("networks", "network", {"name": "x"}),
        ("ports", "port", {"network_id": "private"}),
        ("floatingips", "floatingip", {"floating_network_id": "public"}),
        ("routers", "router", {"name": "x"}),
        ("security-groups", "security_group", {"name": "x"}),
    ],
)
def test_quotas(
    clouds: DemoCloud, modern: Rest, plural: str, singular: str, values: dict[str, str]
) -> None:
    body = {
        key: network(modern, value) if key.endswith("network_id") else value
        for key, value in values.items()
    }
    clouds.set("modern", quota={singular: 0})
    answer = modern("POST", f"{NET}/{plural}", {singular: body})
    assert refused(answer) == (409, "OverQuota")
    words = answer.json()["NeutronError"]["message"]
    assert words == f"Quota exceeded for resources: ['{singular}']."
    details = modern.get(f"{NET}/quotas/{modern.project}/details")["quota"][singular]
    assert details["limit"] == 0
    assert modern("GET", f"{NET}/quotas/{'0' * 32}/details").status_code == 403


def test_policy_is_not_quota(rest: Make) -> None:
    reader, demo = rest("modern-reader"), rest("modern")
    wanted = {"floatingip": {"floating_network_id": network(reader, "public")}}
    answer = reader("POST", f"{NET}/floatingips", wanted)
    assert refused(answer) == (403, "PolicyNotAuthorized")
    shared = demo("POST", f"{NET}/networks", {"network": {"name": "x", "shared": True}})
    assert refused(shared) == (403, "PolicyNotAuthorized")


def test_tags(modern: Rest) -> None:
    # Ports take them and lose them, floating IPs do not take them at all.
    port = make(modern, "ports", "port", network_id=network(modern, "private"), tags=["a"])
    path = f"{NET}/ports/{port['id']}"
    assert port["tags"] == []
    assert modern("PUT", f"{path}/tags/b").status_code == 201
    assert modern("PUT", f"{path}/tags", {"tags": ["b", "c"]}).json() == {"tags": ["b", "c"]}
    assert [one["id"] for one in modern.get(f"{NET}/ports?tags=b,c")["ports"]] == [port["id"]]
    assert port["id"] not in [one["id"] for one in modern.get(f"{NET}/ports?not-tags=b")["ports"]]
    assert modern("GET", f"{path}/tags/a").status_code == 404
    assert modern("DELETE", f"{path}/tags/b").status_code == 204
    assert modern.get(f"{path}/tags") == {"tags": ["c"]}
    wanted = {"floating_network_id": network(modern, "public"), "tags": ["a"]}
    assert modern("POST", f"{NET}/floatingips", {"floatingip": wanted}).status_code == 400


@pytest.mark.parametrize(
    ("plural", "singular", "status"),
    [("networks", "network", 404), ("ports", "port", 404), ("floatingips", "floatingip", 200)],
)
def test_pages_and_a_lost_marker(modern: Rest, plural: str, singular: str, status: int) -> None:
    values = {
        "networks": {"name": "x"},
        "ports": {"network_id": network(modern, "private")},
        "floatingips": {"floating_network_id": network(modern, "public")},
    }[plural]
    made = {make(modern, plural, singular, **values)["id"] for _ in range(3)}
    found: list[str] = []
    path = f"{NET}/{plural}?limit=2"
    while path:
        page = modern.get(path)
        found += [one["id"] for one in page[plural]]
        following = [one for one in page.get(f"{plural}_links", ()) if one["rel"] == "next"]
        path = f"{NET}/{plural}?{following[0]['href'].partition('?')[2]}" if following else ""
    assert made <= set(found)
    assert found == sorted(found)
    lost = modern("GET", f"{NET}/{plural}?limit=2&marker={'0' * 36}")
    assert lost.status_code == status
    if status == 200:
        assert lost.json() == {plural: []}


def test_filters(modern: Rest) -> None:
    key = new_server(modern)
    when(modern, key, "ACTIVE")
    (port,) = modern.get(f"{NET}/ports?device_id={key}&status=ACTIVE")["ports"]
    address = port["fixed_ips"][0]["ip_address"]
    by_address = modern.get(f"{NET}/ports?fixed_ips=ip_address={address}")["ports"]
    assert [one["id"] for one in by_address] == [port["id"]]
    assert modern.get(f"{NET}/networks?fields=id&name=private")["networks"][0].keys() == {"id"}
    wrong = modern("GET", f"{NET}/ports?changed_since=2020-01-01")
    assert "is invalid attribute for filtering" in wrong.json()["NeutronError"]["message"]


@pytest.mark.parametrize(
    ("fixed_ip", "error"),
    [
        ({"ip_address": "10.99.0.1"}, (400, "InvalidIpForNetwork")),
        ({"ip_address": "10.0.0.1"}, (409, "IpAddressAlreadyAllocated")),
    ],
)
def test_fixed_addresses(modern: Rest, fixed_ip: dict[str, str], error: tuple[int, str]) -> None:
    wanted = {"network_id": network(modern, "private"), "fixed_ips": [fixed_ip]}
    assert refused(modern("POST", f"{NET}/ports", {"port": wanted})) == error


def test_addresses_run_out_and_come_back(modern: Rest) -> None:
    own = make(modern, "networks", "network", name="small")["id"]
    make(modern, "subnets", "subnet", network_id=own, cidr="10.9.0.0/30", ip_version=4)
    port = make(modern, "ports", "port", network_id=own)["id"]
    answer = modern("POST", f"{NET}/ports", {"port": {"network_id": own}})
    assert refused(answer) == (409, "IpAddressGenerationFailure")
    assert refused(modern("DELETE", f"{NET}/networks/{own}")) == (409, "NetworkInUse")
    modern("DELETE", f"{NET}/ports/{port}")
    make(modern, "ports", "port", network_id=own)


def test_who_sees_which_network(rest: Make) -> None:
    demo, other, admin = rest("modern"), rest("modern-other"), rest("modern-admin")
    mine = make(demo, "networks", "network", name="mine")["id"]
    assert other("GET", f"{NET}/networks/{mine}").status_code == 404
    names = [one["name"] for one in other.get(f"{NET}/networks")["networks"]]
    assert names == ["public", "private"]
    assert "provider:network_type" not in demo.get(f"{NET}/networks/{mine}")["network"]
    assert "provider:network_type" in admin.get(f"{NET}/networks/{mine}")["network"]
    make(admin, "networks", "network", name="for-all", shared=True)
    assert network(other, "for-all")


def test_the_direct_cloud_has_no_layer_3(rest: Make) -> None:
    direct = rest("direct")
    assert direct("GET", f"{NET}/floatingips").status_code == 404
    assert direct("GET", f"{NET}/extensions/router").status_code == 404
    (only,) = direct.get(f"{NET}/networks")["networks"]
    assert (only["router:external"], only["shared"], len(only["subnets"])) == (True, True, 2)


@pytest.mark.parametrize("plural", ["networks", "subnets", "ports", "routers"])
def test_kilo_is_old(rest: Make, plural: str) -> None:
    kilo = rest("kilo")
    own = network(kilo, "private")
    make(kilo, "ports", "port", network_id=own)
    items = kilo.get(f"{NET}/{plural}?limit=1")[plural]
    assert not {field for item in items for field in LATER if field in item}
    assert all("tenant_id" in item for item in items)
    # It looks at neither pages nor filters that it does not know.
    assert len(items) == len(kilo.get(f"{NET}/{plural}?tags=x")[plural])
    assert kilo("GET", f"{NET}/ports/x/tags").status_code == 404
    assert kilo("GET", f"{NET}/quotas/{kilo.project}/details").status_code == 404
    answer = kilo("POST", f"{NET}/networks", {"network": {"name": "x", "description": "y"}})
    assert refused(answer) == (400, "HTTPBadRequest")
