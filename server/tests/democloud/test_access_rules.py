"""Keystone: what a token under access rules is good for, and who is told of them."""

from collections.abc import Callable

from oaktree.democloud import DemoCloud

from .conftest import Rest, as_client, new_server, validate

Make = Callable[..., Rest]
RULES = "OpenStack-Identity-Access-Rules"


def rule(method: str, path: str, service: str = "compute") -> dict[str, str]:
    return {"service": service, "method": method, "path": path}


def test_a_token_under_access_rules(clouds: DemoCloud, modern: Rest) -> None:
    server = new_server(modern)
    rules = [
        rule("GET", "/v2.1/servers/detail"),
        rule("GET", "/v2.1/servers/{id}"),
        rule("GET", "/v2.1/os-keypairs/*"),
        rule("GET", "/v2.0/**", "network"),
        rule("POST", "/v3/*/volumes", "block-storage"),
    ]
    as_client(modern, clouds.application_credential("modern", access_rules=rules))
    volume = {"volume": {"size": 1}}
    for method, path, status in (
        ("GET", "compute/v2.1/servers/detail?limit=1", 200),
        ("GET", f"compute/v2.1/servers/{server}", 200),
        ("GET", "compute/v2.1/os-keypairs/none", 404),
        ("GET", "network/v2.0/networks", 200),
        ("GET", f"network/v2.0/quotas/{modern.project}/details", 200),
        ("POST", f"volume/v3/{modern.project}/volumes", 202),
        ("GET", f"volume/v3/{modern.project}/volumes", 401),
        ("GET", "compute/v2.1/servers", 401),
        ("GET", f"compute/v2.1/servers/{server}/metadata", 401),
        ("DELETE", f"compute/v2.1/servers/{server}", 401),
        ("GET", "compute/v2.1/nowhere/at/all", 401),
        ("GET", "image/v2/images", 401),
        ("GET", "identity/v3/auth/projects", 401),
    ):
        answer = modern(method, path, volume if method == "POST" else None)
        assert answer.status_code == status, path


def test_rules_are_told_to_who_knows_of_them(clouds: DemoCloud, rest: Make) -> None:
    modern, admin = rest("modern"), rest("modern-admin")
    made = clouds.application_credential("modern", access_rules=[rule("GET", "/v2.1/servers")])
    token = as_client(modern, made).token
    for asking in (modern, admin):
        assert validate(asking, token).status_code == 404
        assert validate(asking, token, **{RULES: "0.9"}).status_code == 404
        told = validate(asking, token, **{RULES: "1.0"}).json()["token"]
        [shown] = told["application_credential"]["access_rules"]
        del shown["id"]
        assert shown == rule("GET", "/v2.1/servers")
