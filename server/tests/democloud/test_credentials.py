"""Keystone: application credentials, their tokens, OAuth 2.0 and access rules."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from keystoneauth1.exceptions import ClientException
from keystoneauth1.loading import get_plugin_loader
from keystoneauth1.session import Session
from oaktree.democloud import DemoCloud
from openstack.connection import Connection

from .conftest import PATIENCE, Rest, eventually, new_server

TOKENS = "identity/v3/auth/tokens"
GRANT = {"grant_type": "client_credentials"}
RULES = "OpenStack-Identity-Access-Rules"
Made = tuple[str, str]
Make = Callable[..., Rest]


def oauth(rest: Rest, client: Made | None, form: Any = GRANT, **options: Any) -> requests.Response:
    where = f"{rest.root}/identity/v3/OS-OAUTH2/token"
    return rest.http.post(where, data=form, auth=client, timeout=PATIENCE, **options)


def as_client(rest: Rest, client: Made) -> Rest:
    """Put the credential's token in place of the user's."""
    answer = oauth(rest, client)
    assert answer.ok, answer.text
    rest.token = answer.json()["access_token"]
    return rest


def validate(rest: Rest, token: str = "", **headers: str) -> requests.Response:
    return rest("GET", TOKENS, headers={"x-subject-token": token or rest.token, **headers})


def own(rest: Rest) -> str:
    """The path of the user's credentials."""
    user = validate(rest).json()["token"]["user"]["id"]
    return f"identity/v3/users/{user}/application_credentials"


def test_oauth_gives_a_credentials_token(clouds: DemoCloud, modern: Rest) -> None:
    made = clouds.application_credential("modern")
    answer = oauth(modern, made).json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    modern.token = answer["access_token"]
    told = validate(modern).json()["token"]
    assert told["methods"] == ["application_credential"]
    assert told["application_credential"]["id"] == made[0]
    assert told["application_credential"]["restricted"] is True
    assert told["project"]["id"] == modern.project
    assert {role["name"] for role in told["roles"]} == {"member", "reader"}
    assert {"catalog", "audit_ids", "expires_at"} <= told.keys()
    assert modern("GET", "compute/v2.1/servers").status_code == 200


def test_oauth_in_the_form(clouds: DemoCloud, modern: Rest) -> None:
    key, secret = clouds.application_credential("modern")
    form = {**GRANT, "client_id": key, "client_secret": secret}
    assert oauth(modern, None, form).status_code == 200


@pytest.mark.parametrize(
    ("form", "client", "status", "error"),
    [
        ({}, True, 400, "invalid_request"),
        ({"grant_type": "password"}, True, 400, "unsupported_grant_type"),
        (GRANT, None, 401, "invalid_client"),
        (GRANT, "wrong", 401, "invalid_client"),
        (GRANT, "", 401, "invalid_client"),
        # Not OAuth's word for it, but Keystone's.
        (GRANT, "nobody", 404, "other_error"),
    ],
)
def test_oauth_refuses(
    clouds: DemoCloud, modern: Rest, form: Any, client: Any, status: int, error: str
) -> None:
    key, secret = clouds.application_credential("modern")
    chosen = {True: (key, secret), None: None, "nobody": ("nobody", secret)}
    answer = oauth(modern, chosen.get(client, (key, client)), form)
    assert answer.status_code == status
    assert answer.json().keys() == {"error", "error_description"}
    assert answer.json()["error"] == error
    assert ("www-authenticate" in answer.headers) is (status == 401)


def test_oauth_takes_a_secret_as_it_is(modern: Rest) -> None:
    secret = "a b%20c+d:e/\u00fc"
    body = {"application_credential": {"name": "odd", "secret": secret}}
    made = modern("POST", own(modern), body).json()["application_credential"]
    plain = oauth(modern, (made["id"].encode(), secret.encode()))  # type: ignore[arg-type]
    assert plain.status_code == 200
    quoted = oauth(modern, (made["id"], "a%20b%2520c%2Bd%3Ae%2F%C3%BC"))
    assert quoted.status_code == 401


def test_only_posts_of_forms_are_oauth(clouds: DemoCloud, modern: Rest) -> None:
    made = clouds.application_credential("modern")
    where = f"{modern.root}/identity/v3/OS-OAUTH2/token"
    json = modern.http.post(where, json=GRANT, auth=made, timeout=PATIENCE)
    assert (json.status_code, json.json()["error"]) == (400, "invalid_request")
    assert modern.http.get(where, timeout=PATIENCE).json()["error"] == "other_error"


@pytest.mark.parametrize("scope", [None, "demo"])
def test_a_credentials_token_gets_no_other(
    clouds: DemoCloud, modern: Rest, scope: str | None
) -> None:
    as_client(modern, clouds.application_credential("modern", unrestricted=True))
    auth: Any = {"identity": {"methods": ["token"], "token": {"id": modern.token}}}
    if scope:
        auth["scope"] = {"project": {"name": scope, "domain": {"id": "default"}}}
    answer = modern("POST", TOKENS, {"auth": auth})
    assert answer.status_code == 403
    assert answer.json()["error"]["message"] == (
        "You are not authorized to perform the requested action: Using a delegated token to "
        "create another token is not allowed.."
    )


def test_a_credential_may_have_fewer_roles(clouds: DemoCloud, modern: Rest) -> None:
    as_client(modern, clouds.application_credential("modern", roles=["reader"]))
    roles = validate(modern).json()["token"]["roles"]
    assert [role["name"] for role in roles] == ["reader"]
    network = {"network": {"name": "mine"}}
    assert modern("POST", "network/v2.0/networks", network).status_code == 403


def test_a_deleted_credential_takes_its_tokens_along(clouds: DemoCloud, rest: Make) -> None:
    modern, admin = rest("modern"), rest("modern-admin")
    path = own(modern)
    made = clouds.application_credential("modern")
    first = modern.token
    lost = as_client(modern, made).token
    modern.token = first
    assert modern("DELETE", f"{path}/{made[0]}").status_code == 204
    modern.token = lost
    assert modern("GET", "compute/v2.1/servers").status_code == 401
    # Keystone itself does not say 401 here, whoever asks.
    for asking in (modern, admin):
        answer = validate(asking, lost)
        assert answer.status_code == 404
        assert "Could not find Application Credential" in answer.json()["error"]["message"]
    assert oauth(modern, made).status_code == 404


def test_a_token_outlives_no_credential(clouds: DemoCloud, modern: Rest) -> None:
    end = datetime.now(UTC) + timedelta(minutes=30)
    as_client(modern, clouds.application_credential("modern", expires=end))
    told = validate(modern).json()["token"]["expires_at"]
    assert datetime.fromisoformat(told) == end


def test_an_expired_credential_gives_no_token(clouds: DemoCloud, modern: Rest) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=3)
    made = clouds.application_credential("modern", expires=soon)
    eventually(lambda: oauth(modern, made).status_code == 401)
    assert oauth(modern, made).json()["error"] == "invalid_client"
    with pytest.raises(ValueError, match="must not be before now"):
        clouds.application_credential("modern", expires=soon)


def test_making_showing_and_deleting_credentials(rest: Make) -> None:
    modern, other, admin = rest("modern"), rest("modern-other"), rest("modern-admin")
    path = own(modern)
    seeded = modern.get(path)["application_credentials"]
    wanted = {"name": "one", "description": "d", "expires_at": "2100-01-01T00:00:00"}
    made = modern("POST", path, {"application_credential": wanted}).json()["application_credential"]
    assert made["secret"]
    assert made["unrestricted"] is None
    assert made["expires_at"] == "2100-01-01T00:00:00.000000"
    del made["secret"]
    assert modern.get(path)["application_credentials"] == [*seeded, made]
    assert modern.get(f"{path}?name=one")["application_credentials"] == [made]
    assert modern.get(f"{path}/{made['id']}")["application_credential"] == made
    assert admin("GET", path).status_code == 200
    for asking, method, where in (
        (other, "GET", path),
        (other, "GET", f"{path}/{made['id']}"),
        (other, "DELETE", f"{path}/{made['id']}"),
        (other, "POST", path),
        (admin, "POST", path),
    ):
        body = {"application_credential": {"name": "x"}} if method == "POST" else None
        assert asking(method, where, body).status_code == 403
    assert modern("DELETE", f"{path}/{made['id']}").status_code == 204
    assert modern("DELETE", f"{path}/{made['id']}").status_code == 404


@pytest.mark.parametrize(
    ("wanted", "status", "message"),
    [
        ({}, 400, "'name' is a required property"),
        ({"name": "deploy"}, 409, "Duplicate entry found with name deploy."),
        ({"name": "x", "colour": 1}, 400, "Additional properties are not allowed"),
        ({"name": "x", "roles": [{"name": "admin"}]}, 400, "with unassigned role"),
        ({"name": "x", "roles": [{"id": "nope"}]}, 400, "with unassigned role"),
        ({"name": "x", "roles": [{"name": "nope"}]}, 404, "Role nope is not defined"),
        ({"name": "x", "expires_at": "2020-01-01T00:00:00"}, 400, "must not be before now"),
        ({"name": "x", "expires_at": "whenever"}, 400, "Timestamp not in expected format."),
        ({"name": "x", "access_rules": [{"path": "/"}]}, 400, "is a required property"),
    ],
)
def test_credentials_that_cannot_be(modern: Rest, wanted: Any, status: int, message: str) -> None:
    answer = modern("POST", own(modern), {"application_credential": wanted})
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]


def test_restricted_credentials_manage_none(clouds: DemoCloud, modern: Rest) -> None:
    path = own(modern)
    body = {"application_credential": {"name": "more"}}
    key, secret = clouds.application_credential("modern")
    as_client(modern, (key, secret))
    for answer in (modern("POST", path, body), modern("DELETE", f"{path}/{key}")):
        assert answer.status_code == 403
        assert "Using method 'application_credential'" in answer.json()["error"]["message"]
    assert modern("GET", path).status_code == 200
    as_client(modern, clouds.application_credential("modern", unrestricted=True))
    assert modern("POST", path, body).status_code == 201


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


def test_secrets_are_known(clouds: DemoCloud, modern: Rest) -> None:
    _, secret = clouds.application_credential("modern")
    assert {modern.token, secret} <= clouds.secrets("modern")
    assert secret not in clouds.secrets("direct")
    assert secret in clouds.secrets()


def test_clouds_from_before(clouds: DemoCloud, rest: Make) -> None:
    """OAuth came with Antelope, application credentials with Queens."""
    direct, kilo = rest("direct"), rest("kilo")
    made = clouds.application_credential("direct")
    given = {"id": made[0], "secret": made[1]}
    auth = {"identity": {"methods": ["application_credential"], "application_credential": given}}
    for asking, status in ((direct, 201), (kilo, 401)):
        assert oauth(asking, made).status_code == 404
        assert asking("POST", TOKENS, {"auth": auth}).status_code == status
    user = validate(kilo).json()["token"]["user"]["id"]
    path = f"identity/v3/users/{user}/application_credentials"
    assert kilo("GET", path).status_code == 404
    assert kilo("POST", path, {"application_credential": {"name": "x"}}).status_code == 404


def test_through_openstacksdk(connect: Callable[..., Connection]) -> None:
    with connect("modern", "east") as cloud:
        user = cloud.current_user_id
        identity: Any = cloud.identity
        made = identity.create_application_credential(
            user,
            "laptop",
            roles=[{"name": "reader"}],
            access_rules=[rule("GET", "/v2.1/servers")],
            expires_at="2100-01-01T00:00:00",
        )
        assert made.secret
        found = identity.find_application_credential(user, "laptop")
        assert found.id == made.id
        identity.delete_application_credential(user, made.id, ignore_missing=False)
        assert identity.find_application_credential(user, "laptop") is None


def test_through_keystoneauth(clouds: DemoCloud) -> None:
    key, secret = clouds.application_credential("modern")
    address = f"{clouds.clouds['modern'].address}/identity/v3"
    values = {
        "v3applicationcredential": {
            "application_credential_id": key,
            "application_credential_secret": secret,
        },
        "v3oauth2clientcredential": {
            "oauth2_endpoint": f"{address}/OS-OAUTH2/token",
            "oauth2_client_id": key,
            "oauth2_client_secret": secret,
        },
    }
    where = {"service_type": "compute", "region_name": "east"}
    for name, given in values.items():
        auth: Any = get_plugin_loader(name).load_from_options(auth_url=address, **given)
        session = Session(auth=auth)
        assert session.get("/servers", endpoint_filter=where).status_code == 200
        sent = session.get_auth_headers()
        assert sent is not None
        assert ("Authorization" in sent) is (name == "v3oauth2clientcredential")
    clouds.delete_application_credential("modern", key)
    with pytest.raises(ClientException, match="failed to get an OAuth2"):
        session.get("/servers", endpoint_filter=where)
