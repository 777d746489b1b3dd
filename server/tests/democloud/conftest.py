"""The embedded clouds, and two ways to talk to them: openstacksdk, and plain HTTP."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from oaktree.democloud import DemoCloud
from openstack.config import OpenStackConfig
from openstack.connection import Connection

# A bound for what should take milliseconds, so that a fault cannot hang the run.
PATIENCE = 20.0
TOKENS = "identity/v3/auth/tokens"
GRANT = {"grant_type": "client_credentials"}


class Rest:
    """Plain HTTP as one user of one region: what the services answer, with nothing in between."""

    def __init__(self, entry: dict[str, Any], region: str) -> None:
        self.auth = entry["auth"]
        self.root: str = self.auth["auth_url"].removesuffix("/identity/v3")
        self.region = region
        self.http = requests.Session()
        self.http.trust_env = False
        self.token = ""
        self.project = ""
        self.login()

    def login(self) -> requests.Response:
        domain = {"id": "default"}
        user = {"name": self.auth["username"], "password": self.auth["password"], "domain": domain}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": self.auth["project_name"], "domain": domain}},
            }
        }
        answer = self.http.post(f"{self.root}/identity/v3/auth/tokens", json=body, timeout=PATIENCE)
        answer.raise_for_status()
        self.token = answer.headers["x-subject-token"]
        self.project = answer.json()["token"]["project"]["id"]
        return answer

    def __call__(
        self, method: str, path: str, body: Any = None, *, version: str = "", **options: Any
    ) -> requests.Response:
        """path begins with the service: compute/v2.1/servers, or identity/v3/projects."""
        headers = {"x-auth-token": self.token, **options.pop("headers", {})}
        if version:
            service = {"compute": "compute", "volume": "volume"}[path.split("/")[0]]
            headers["openstack-api-version"] = f"{service} {version}"
        where = path if path.startswith("identity") else f"{self.region}/{path}"
        options.setdefault("timeout", PATIENCE)
        return self.http.request(
            method, f"{self.root}/{where}", json=body, headers=headers, **options
        )

    def get(self, path: str, **options: Any) -> Any:
        answer = self("GET", path, **options)
        assert answer.ok, answer.text
        return answer.json()


def oauth(
    rest: Rest, client: tuple[str, str] | None, form: Any = GRANT, **options: Any
) -> requests.Response:
    where = f"{rest.root}/identity/v3/OS-OAUTH2/token"
    return rest.http.post(where, data=form, auth=client, timeout=PATIENCE, **options)


def as_client(rest: Rest, client: tuple[str, str]) -> Rest:
    """Put the credential's token in place of the user's."""
    answer = oauth(rest, client)
    assert answer.ok, answer.text
    rest.token = answer.json()["access_token"]
    return rest


def validate(rest: Rest, token: str = "", **headers: str) -> requests.Response:
    return rest("GET", TOKENS, headers={"x-subject-token": token or rest.token, **headers})


@pytest.fixture
def clouds() -> Iterator[DemoCloud]:
    with DemoCloud.start() as running:
        yield running


@pytest.fixture
def rest(clouds: DemoCloud) -> Callable[..., Rest]:
    def make(cloud: str = "modern", region: str = "") -> Rest:
        entry = clouds.clouds_yaml(extras=True)["clouds"][cloud]
        return Rest(entry, region or (entry.get("regions") or [entry.get("region_name")])[0])

    return make


@pytest.fixture
def modern(rest: Callable[..., Rest]) -> Rest:
    return rest("modern", "east")


@pytest.fixture
def connect(clouds: DemoCloud, tmp_path: Path) -> Iterator[Callable[..., Connection]]:
    path = clouds.write_clouds_yaml(tmp_path / "clouds.yaml", extras=True)
    config = OpenStackConfig(config_files=[str(path)], load_envvars=False)
    made = []

    def make(cloud: str, region: str = "") -> Connection:
        where: dict[str, Any] = {"region_name": region} if region else {}
        chosen = config.get_one(cloud, **where)
        connection = Connection(config=chosen)
        made.append(connection)
        return connection

    yield make
    for connection in made:
        connection.close()


def eventually(check: Callable[[], Any]) -> Any:
    """What check returns, once that is true."""
    end = time.monotonic() + PATIENCE
    while not (found := check()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)
    return found


def new_server(rest: Rest, name: str = "one", **more: Any) -> str:
    """POST a server with the smallest of everything; its id."""
    image = rest.get("image/v2/images?name=cirros")["images"][0]["id"]
    wanted = {"name": name, "imageRef": image, "flavorRef": "1", **more}
    wanted = {key: value for key, value in wanted.items() if value is not None}
    answer = rest("POST", "compute/v2.1/servers", {"server": wanted})
    assert answer.status_code == 202, answer.text
    key: str = answer.json()["server"]["id"]
    return key


def show(rest: Rest, key: str, **options: Any) -> Any:
    return rest.get(f"compute/v2.1/servers/{key}", **options)["server"]


def when(rest: Rest, key: str, status: str) -> Any:
    """The server, once it has that status."""

    def check() -> Any:
        server = show(rest, key)
        return server if server["status"] == status else None

    return eventually(check)
