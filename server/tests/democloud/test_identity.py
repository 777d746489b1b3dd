"""Keystone: tokens, scopes, the catalog."""

from collections.abc import Callable
from typing import Any

import pytest
from oaktree.democloud import DemoCloud

from .conftest import TOKENS, Rest, new_server

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl demo"
Make = Callable[..., Rest]


def tokens(rest: Rest, methods: str, identity: Any, project: str = "") -> Any:
    body: Any = {"auth": {"identity": {"methods": [methods], methods: identity}}}
    if project:
        scope = {"project": {"name": project, "domain": {"name": "Default"}}}
        body["auth"]["scope"] = scope
    return rest("POST", TOKENS, body)


def shown(rest: Rest) -> Any:
    """What Keystone tells of the token that asks."""
    answer = rest("GET", TOKENS, headers={"x-subject-token": rest.token})
    assert answer.ok, answer.text
    return answer.json()["token"]


def test_versions_are_told_without_a_token(rest: Make) -> None:
    modern, kilo = rest("modern", "east"), rest("kilo")
    modern.token = kilo.token = "none"
    assert modern("GET", "identity/").status_code == 300
    assert modern("GET", "volume/").status_code == 300
    assert modern("GET", "image/").status_code == 300
    newest = modern.get("compute/")["versions"][-1]
    assert (newest["min_version"], newest["version"]) == ("2.1", "2.100")
    assert modern.get("volume/v3/")["versions"][0]["version"] == "3.71"
    assert kilo.get("compute/v2.1/")["version"]["version"] == ""
    assert kilo("GET", "volume/v3/").status_code == 401
    assert kilo.get("volume/v2/")["versions"][0]["id"] == "v2.0"


def test_a_wrong_password_and_a_project_of_others(modern: Rest) -> None:
    user = {"name": "other", "domain": {"id": "default"}, "password": "wrong"}
    wrong = tokens(modern, "password", {"user": user})
    assert wrong.status_code == 401
    assert wrong.json()["error"]["title"] == "Unauthorized"
    assert "www-authenticate" in wrong.headers
    user["password"] = modern.auth["password"]
    assert tokens(modern, "password", {"user": user}, "other").status_code == 201
    assert tokens(modern, "password", {"user": user}, "demo").status_code == 401


def test_no_token_is_401_in_every_service_before_all_else(modern: Rest) -> None:
    modern.token = "nonsense"
    for path in ("compute/v2.1/servers", "network/v2.0/nowhere", "image/v2/images", "volume/v3/x"):
        assert modern("GET", path).status_code == 401


def test_catalog_and_both_regions(rest: Make) -> None:
    def types(cloud: str, region: str) -> dict[str, list[str]]:
        catalog = rest(cloud, region).login().json()["token"]["catalog"]
        return {
            service["type"]: sorted(
                one["region"] for one in service["endpoints"] if one["interface"] == "public"
            )
            for service in catalog
        }

    modern = types("modern", "west")
    assert modern["compute"] == modern["block-storage"] == ["east", "west"]
    assert "volumev2" in types("kilo", "RegionOne")


def test_regions_hold_what_is_theirs(rest: Make) -> None:
    east, west = rest("modern", "east"), rest("modern", "west")
    made = east("POST", "network/v2.0/networks", {"network": {"name": "here"}}).json()["network"]
    assert west("GET", f"network/v2.0/networks/{made['id']}").status_code == 404
    ids = [rest.get("image/v2/images")["images"][0]["id"] for rest in (east, west)]
    assert ids[0] != ids[1]


def test_rescope_to_another_project_of_the_user(modern: Rest) -> None:
    projects = {
        one["name"]: one["id"] for one in modern.get("identity/v3/auth/projects")["projects"]
    }
    assert set(projects) == {"demo", "other"}
    answer = tokens(modern, "token", {"id": modern.token}, "other")
    token = answer.json()["token"]
    assert token["project"]["id"] == projects["other"]
    assert token["methods"] == ["password", "token"]
    assert token["expires_at"] == shown(modern)["expires_at"], "a token lives on in no other"


def test_what_came_from_a_token_ends_with_it(modern: Rest) -> None:
    first = modern.token
    second = tokens(modern, "token", {"id": first}, "other").headers["x-subject-token"]
    third = modern.login().headers["x-subject-token"]
    for token, status in ((second, 200), (first, 200), (third, 200)):
        assert modern("GET", TOKENS, headers={"x-subject-token": token}).status_code == status
    assert modern("DELETE", TOKENS, headers={"x-subject-token": first}).status_code == 204
    for token, status in ((second, 404), (first, 404), (third, 200)):
        assert modern("GET", TOKENS, headers={"x-subject-token": token}).status_code == status


def test_tokens_of_one_user_are_revoked(clouds: DemoCloud, rest: Make) -> None:
    demo, other = rest("modern"), rest("modern-other")
    clouds.revoke_tokens("modern", "demo")
    assert demo("GET", "compute/v2.1/servers").status_code == 401
    assert other("GET", "compute/v2.1/servers").status_code == 200


def test_validations_are_counted_and_can_fail(clouds: DemoCloud, modern: Rest) -> None:
    clouds.reset_calls()
    shown(modern)
    assert clouds.calls("modern")["GET identity /auth/tokens"] == 1
    clouds.fault("modern", "status", service="identity", path="/auth/tokens", status=503)
    assert modern("GET", TOKENS).status_code == 503
    assert shown(modern)["user"]["name"] == "demo"


def test_tokens_end(clouds: DemoCloud, modern: Rest) -> None:
    clouds.expire_tokens("modern")
    for path in ("compute/v2.1/flavors", "network/v2.0/networks", "image/v2/images", TOKENS):
        assert modern("GET", path).status_code == 401
    modern.login()
    assert modern("GET", "compute/v2.1/flavors").status_code == 200
    clouds.set("modern", token_seconds=0)
    modern.login()
    assert modern("GET", "compute/v2.1/flavors").status_code == 401


def test_validation_is_for_oneself_or_an_admin(rest: Make) -> None:
    demo, other, admin = rest("modern"), rest("modern-other"), rest("modern-admin")

    def status(asking: Rest, subject: str) -> int:
        return asking("GET", TOKENS, headers={"x-subject-token": subject}).status_code

    assert status(demo, demo.token) == 200
    assert status(other, demo.token) == 403
    assert status(admin, demo.token) == 200
    assert status(admin, "nonsense") == 404
    assert demo("GET", TOKENS).status_code == 403
    assert other("DELETE", TOKENS, headers={"x-subject-token": demo.token}).status_code == 403
    assert demo("DELETE", TOKENS, headers={"x-subject-token": demo.token}).status_code == 204
    assert status(admin, demo.token) == 404


def test_projects_list_is_for_admins(rest: Make) -> None:
    assert rest("modern")("GET", "identity/v3/projects").status_code == 403
    found = rest("modern-admin").get("identity/v3/projects")["projects"]
    assert [one["name"] for one in found] == ["admin", "demo", "other"]


def test_twenty_users_in_ten_projects(clouds: DemoCloud) -> None:
    for number in range(20):
        clouds.add_user("modern", f"user{number}", {f"project{number % 10}": "member"})
    clouds.add_user("modern", "user0", {"project1": "reader"})
    ids = set()
    for number in range(20):
        rest = Rest(clouds.entry("modern", f"user{number}", f"project{number % 10}"), "east")
        assert shown(rest)["project"]["name"] == f"project{number % 10}"
        networks = rest.get("network/v2.0/networks")["networks"]
        own = [one for one in networks if one["project_id"] == rest.project]
        assert [one["name"] for one in own] == ["private"]
        pair = {"keypair": {"name": "key", "public_key": KEY}}
        assert rest("POST", "compute/v2.1/os-keypairs", pair).status_code == 200
        ids.add(new_server(rest, "web", networks=[{"uuid": own[0]["id"]}], key_name="key"))
        servers = rest.get("compute/v2.1/servers")["servers"]
        assert [one["name"] for one in servers] == ["web"] * (1 if number < 10 else 2)
    assert len(ids) == 20
    reader = Rest(clouds.entry("modern", "user0", "project1"), "east")
    assert {role["name"] for role in shown(reader)["roles"]} == {"reader"}
    with pytest.raises(ValueError, match="no role is called owner"):
        clouds.add_user("modern", "user0", {"project0": "owner"})


def test_a_user_sees_itself(rest: Make) -> None:
    demo, other, admin = rest("modern"), rest("modern-other"), rest("modern-admin")
    own = shown(demo)["user"]["id"]
    assert demo.get(f"identity/v3/users/{own}")["user"]["name"] == "demo"
    assert other("GET", f"identity/v3/users/{own}").status_code == 403
    assert admin("GET", "identity/v3/users/nobody").status_code == 404
    assert demo("GET", "identity/v3/users").status_code == 403
    assert len(admin.get("identity/v3/users?name=demo")["users"]) == 1
