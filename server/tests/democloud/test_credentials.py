"""Keystone: application credentials, and how their tokens end."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from oaktree.democloud import DemoCloud
from openstack.connection import Connection

from .conftest import TOKENS, Rest, as_client, eventually, oauth, validate

Make = Callable[..., Rest]


def own(rest: Rest) -> str:
    """The path of the user's credentials."""
    user = validate(rest).json()["token"]["user"]["id"]
    return f"identity/v3/users/{user}/application_credentials"


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


def test_secrets_are_known(clouds: DemoCloud, modern: Rest) -> None:
    _, secret = clouds.application_credential("modern")
    assert {modern.token, secret} <= clouds.secrets("modern")
    assert secret not in clouds.secrets("direct")
    assert secret in clouds.secrets()


def test_through_openstacksdk(connect: Callable[..., Connection]) -> None:
    with connect("modern", "east") as cloud:
        user = cloud.current_user_id
        identity: Any = cloud.identity
        made = identity.create_application_credential(
            user,
            "laptop",
            roles=[{"name": "reader"}],
            access_rules=[{"service": "compute", "method": "GET", "path": "/v2.1/servers"}],
            expires_at="2100-01-01T00:00:00",
        )
        assert made.secret
        found = identity.find_application_credential(user, "laptop")
        assert found.id == made.id
        identity.delete_application_credential(user, made.id, ignore_missing=False)
        assert identity.find_application_credential(user, "laptop") is None
