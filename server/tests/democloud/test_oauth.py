"""Keystone: OAuth 2.0, by hand and through keystoneauth."""

from collections.abc import Callable
from typing import Any

import pytest
from keystoneauth1.exceptions import ClientException
from keystoneauth1.loading import get_plugin_loader
from keystoneauth1.session import Session
from oaktree.democloud import DemoCloud

from .conftest import GRANT, PATIENCE, TOKENS, Rest, oauth, validate

Make = Callable[..., Rest]


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
    path = f"identity/v3/users/{validate(modern).json()['token']['user']['id']}"
    made = modern("POST", f"{path}/application_credentials", body).json()["application_credential"]
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
