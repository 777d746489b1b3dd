"""Keystone: tokens, scopes, the catalog."""

from collections.abc import Callable
from typing import Any

from oaktree.democloud import DemoCloud

from .conftest import Rest

TOKENS = "identity/v3/auth/tokens"
Make = Callable[..., Rest]


def tokens(rest: Rest, methods: str, identity: Any, project: str = "") -> Any:
    body: Any = {"auth": {"identity": {"methods": [methods], methods: identity}}}
    if project:
        scope = {"project": {"name": project, "domain": {"name": "Default"}}}
        body["auth"]["scope"] = scope
    return rest("POST", TOKENS, body)


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
    assert answer.json()["token"]["project"]["id"] == projects["other"]


def test_an_application_credentials_token_gets_no_other(clouds: DemoCloud, modern: Rest) -> None:
    auth = clouds.clouds_yaml(extras=True)["clouds"]["modern-appcred"]["auth"]
    given = {
        "id": auth["application_credential_id"],
        "secret": auth["application_credential_secret"],
    }
    answer = tokens(modern, "application_credential", given)
    assert answer.json()["token"]["project"]["id"] == modern.project
    token = answer.headers["x-subject-token"]
    assert tokens(modern, "token", {"id": token}, "demo").status_code == 403
    modern.token = token
    shown = modern("GET", TOKENS, headers={"x-subject-token": token}).json()["token"]
    assert shown["application_credential"]["restricted"] is True
    assert {role["name"] for role in shown["roles"]} == {"member", "reader"}
    assert shown["catalog"]


def test_tokens_end(clouds: DemoCloud, modern: Rest) -> None:
    clouds.expire_tokens("modern")
    assert modern("GET", "compute/v2.1/flavors").status_code == 401
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
    assert demo("DELETE", TOKENS, headers={"x-subject-token": demo.token}).status_code == 204
    assert status(admin, demo.token) == 404


def test_projects_list_is_for_admins(rest: Make) -> None:
    assert rest("modern")("GET", "identity/v3/projects").status_code == 403
    found = rest("modern-admin").get("identity/v3/projects")["projects"]
    assert [one["name"] for one in found] == ["admin", "demo", "other"]
