"""A cloud's identity service, as a deployer's oaktree asks it: whose a token is, and for a token in
exchange for a credential."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import grpc
import requests
from keystoneauth1 import access
from keystoneauth1.session import Session
from oaktreemodel.v1.error_pb2 import Reason

from oaktree.brought import Token
from oaktree.budget import Budget
from oaktree.deployment import DeployedCloud
from oaktree.errors import Refused, unauthenticated
from oaktree.http import BoundedAdapter

# Of a token, what says nothing of who its bearer is and what it may do.
_PASSING = ("issued_at", "expires_at", "audit_ids", "catalog")
# As many requests may be under way at a time.
THREADS = 16
RATE = 200.0


@dataclass(frozen=True)
class Known:
    """What the identity service says of a token."""

    token: Token
    # Whose it is: the same for two tokens only if they can do the same in the same project.
    identity: str
    # Who that is, whatever for.
    user: str
    # How long it lasts from when it was asked about.
    seconds: float


class Identity:
    """One cloud's. Its methods run in threads."""

    def __init__(self, name: str, cloud: DeployedCloud) -> None:
        self._name = name
        config = next(iter(cloud.regions.values()))
        verify, cert = config.get_requests_verify_args()
        self._session = Session(verify=verify, cert=cert, app_name="oaktree")
        # One session asks for everybody: what is set for one caller must not be sent with another.
        self._session.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        transport = BoundedAdapter(Budget(RATE), lambda: None, pool_maxsize=THREADS)
        for scheme in ("http://", "https://"):
            self._session.session.mount(scheme, transport)
        url = cloud.auth_url.rstrip("/")
        self._url = url if url.endswith("/v3") else url + "/v3"

    def close(self) -> None:
        self._session.session.close()

    def look(self, token: str) -> Known:
        """UNAUTHENTICATED if it is no token, or none any more."""
        shown = {
            "X-Auth-Token": token,
            "X-Subject-Token": token,
            # Else the identity service takes no token that is under access rules.
            "OpenStack-Identity-Access-Rules": "1.0",
        }
        try:
            answer = self._ask("GET", "/auth/tokens", headers=shown)
        except UnicodeError:
            raise _wrong() from None
        if answer.status_code in (400, 401, 403, 404):
            raise _wrong()
        return self._known(token, self._told(answer, 200), answer)

    def exchange(self, client_id: str, client_secret: str) -> str:
        """A token for an application credential, by OAuth 2.0 where the identity service has it.
        CREDENTIALS_REFUSED if it does not know the credential."""
        answer = self._ask(
            "POST",
            "/OS-OAUTH2/token",
            data={"grant_type": "client_credentials"},
            requests_auth=(client_id.encode(), client_secret.encode()),
        )
        if answer.status_code in (404, 405):
            return self._exchange_without_oauth(client_id, client_secret)
        if answer.status_code in (400, 401, 403):
            raise _refused()
        return str(self._told(answer, 200).get("access_token") or "")

    def _exchange_without_oauth(self, client_id: str, client_secret: str) -> str:
        # Older than OAuth 2.0 in Keystone, but perhaps not than application credentials.
        method = "application_credential"
        shown = {"methods": [method], method: {"id": client_id, "secret": client_secret}}
        answer = self._ask("POST", "/auth/tokens", json={"auth": {"identity": shown}})
        if answer.status_code in (400, 401, 403, 404):
            raise _refused()
        self._told(answer, 201)
        return str(answer.headers.get("X-Subject-Token") or "")

    def _ask(self, method: str, path: str, **how: Any) -> requests.Response:
        answer: requests.Response = self._session.request(
            self._url + path, method, authenticated=False, raise_exc=False, log=False, **how
        )
        return answer

    def _told(self, answer: requests.Response, status: int) -> dict[str, Any]:
        told = None
        if answer.status_code == status:
            with contextlib.suppress(ValueError):
                told = answer.json()
        if not isinstance(told, dict):
            is_passing = answer.status_code in (429, 502, 503, 504)
            raise Refused(
                grpc.StatusCode.UNAVAILABLE if is_passing else grpc.StatusCode.UNKNOWN,
                Reason.REASON_CLOUD_ERROR,
                f"the cloud's identity service answered {answer.status_code}",
            ).at(cloud=self._name, service="identity")
        return told

    def _known(self, token: str, told: dict[str, Any], answer: requests.Response) -> Known:
        found = access.create(body=told, auth_token=token)
        if not isinstance(found, access.AccessInfoV3) or found.expires is None:
            raise Refused(
                grpc.StatusCode.UNKNOWN,
                Reason.REASON_CLOUD_ERROR,
                "the cloud's identity service does not say when the token ends",
            ).at(cloud=self._name, service="identity")
        if not found.project_id:
            raise Refused(
                grpc.StatusCode.UNAUTHENTICATED,
                Reason.REASON_CREDENTIALS_REFUSED,
                "the token is for no project, and everything here belongs to one: bring a token "
                "of a project",
            )
        said = {key: value for key, value in told["token"].items() if key not in _PASSING}
        said["roles"] = sorted(str(role.get("id")) for role in said.get("roles", ()))
        whose = json.dumps([self._name, said], sort_keys=True)
        return Known(
            Token(token, found, found.expires),
            hashlib.sha256(whose.encode()).hexdigest(),
            f"{self._name}/{found.user_id}",
            (found.expires - _clock(answer)).total_seconds(),
        )


def _clock(answer: requests.Response) -> datetime:
    """Now, by the clock that tokens end by, which need not be ours."""
    try:
        return parsedate_to_datetime(answer.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError, TypeError):
        return datetime.now(UTC)


def _wrong() -> Refused:
    return unauthenticated(
        "the cloud's identity service does not know the token: it is wrong, has ended or was "
        "revoked; get a new one, by CreateToken or `openstack token issue`"
    )


def _refused() -> Refused:
    return Refused(
        grpc.StatusCode.UNAUTHENTICATED,
        Reason.REASON_CREDENTIALS_REFUSED,
        "the cloud's identity service does not take the client id and secret: they are wrong, or "
        "the application credential has ended or was deleted; make a new one with `oaktree login`",
    )
