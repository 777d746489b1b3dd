"""Starting the embedded clouds, and what a test or a demo says to them."""

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import uvloop
import yaml

from .cloud import PROFILES, Cloud, Settings
from .content import source_digest
from .keystone import service as keystone
from .keystone.seed import APPLICATION_CREDENTIAL
from .layout import Net
from .listener import Listener
from .seed import fill

# Starting and stopping take far less; a thread that hangs must not hang a test run.
PATIENCE = 30.0


class DemoCloud:
    """Three OpenStack-shaped clouds on loopback ports: `modern`, `direct` and `kilo`.

    They run in a thread of this process until `close`, or until the `with` block ends. All that
    changes them while they run goes through the admin endpoint, which other processes may use too.
    """

    def __init__(
        self, names: Sequence[str] = tuple(PROFILES), port_base: int | None = None, **settings: Any
    ) -> None:
        self.clouds: dict[str, Cloud] = {}
        for name in names:
            chosen = Settings()
            chosen.change(settings)
            self.clouds[name] = Cloud(PROFILES[name], chosen)
        self._listeners = {
            name: Listener(cloud, 0 if port_base is None else port_base + place)
            for place, (name, cloud) in enumerate(self.clouds.items())
        }
        for cloud in self.clouds.values():
            fill(cloud)
        self._http = requests.Session()
        self._http.trust_env = False
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="democloud", daemon=True)
        self._thread.start()
        for name in names:
            self.start_again(name)

    @classmethod
    def start(
        cls,
        *,
        names: Sequence[str] = tuple(PROFILES),
        port_base: int | None = None,
        **settings: Any,
    ) -> Self:
        """Start the clouds of these names; settings are those of `Settings`, for each of them.

        port_base: the first one's port, the others follow; None for free ports. Raises OSError
        where a port is in use, ValueError for a setting there is not.
        """
        return cls(names, port_base, **settings)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(work, self._loop)
        done.result(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop all clouds for good. May be called twice."""
        if self._loop.is_closed() or not self._thread.is_alive():
            return
        self._do(self._close_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._http.close()

    async def _close_all(self) -> None:
        await asyncio.gather(*(listener.close() for listener in self._listeners.values()))
        await asyncio.gather(*(cloud.close() for cloud in self.clouds.values()))

    def stop(self, cloud: str) -> None:
        """The cloud is gone: its connections are cut, new ones refused. What it holds stays."""
        self._do(self._listeners[cloud].close())

    def start_again(self, cloud: str) -> None:
        """The cloud is back, on the same port. Raises OSError where that is taken by now."""
        self._do(self._listeners[cloud].open())

    # What a client is told.

    def clouds_yaml(self, *, extras: bool = False) -> dict[str, Any]:
        """The contents of a clouds.yaml for the clouds here.

        extras: also modern as the user of the second project (`modern-other`), with an application
        credential (`modern-appcred`), as a reader (`modern-reader`) and as `modern-admin`.
        """
        clouds: dict[str, Any] = {name: self.entry(name, "demo", "demo") for name in self.clouds}
        modern = self.clouds.get("modern")
        if extras and modern is not None:
            for user, project in (("other", "other"), ("reader", "demo"), ("admin", "admin")):
                clouds[f"modern-{user}"] = self.entry("modern", user, project)
            found = modern.application_credentials.where(name=APPLICATION_CREDENTIAL)
            clouds["modern-appcred"] = self.entry("modern", "", "") | {
                "auth_type": "v3applicationcredential",
                "auth": {
                    "auth_url": f"{modern.address}/identity/v3",
                    "application_credential_id": found[0]["id"],
                    "application_credential_secret": found[0]["_secret"],
                },
            }
        return {"clouds": clouds}

    def entry(self, name: str, user: str, project: str) -> dict[str, Any]:
        """What clouds.yaml says of this cloud for this user of it in this project."""
        cloud = self.clouds[name]
        regions = list(cloud.regions)
        entry: dict[str, Any] = {
            "auth": {
                "auth_url": f"{cloud.address}/identity/v3",
                "username": user,
                "password": keystone.PASSWORD,
                "project_name": project,
                "user_domain_id": "default",
                "project_domain_id": "default",
            },
        }
        if len(regions) > 1:
            entry["regions"] = regions
        else:
            entry["region_name"] = regions[0]
        if cloud.profile.old:
            entry["volume_api_version"] = "2"
            entry["block_storage_api_version"] = "2"
        if cloud.settings.upload_by_task:
            entry["image_api_use_tasks"] = True
        return entry

    def write_clouds_yaml(self, path: str | Path, *, extras: bool = False) -> Path:
        path = Path(path)
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(self.clouds_yaml(extras=extras), sort_keys=False))
        return path

    def project_id(self, cloud: str, name: str = "demo") -> str:
        return keystone.project_id(self.clouds[cloud], name)

    # The admin endpoint.

    def admin(self, cloud: str, method: str, path: str, body: Any = None) -> Any:
        """Raises ValueError with the endpoint's own words where it refuses."""
        url = f"{self.clouds[cloud].address}/_admin/{path}"
        answer = self._http.request(method, url, json=body, timeout=PATIENCE)
        if answer.status_code != 200:
            raise ValueError(answer.json()["error"])
        return answer.json()

    def calls(self, cloud: str | None = None) -> Counter[str]:
        """How often what was asked: "GET compute /servers/detail". None: of all clouds together."""
        counted: Counter[str] = Counter()
        for name in [cloud] if cloud else self.clouds:
            counted.update(self.traffic(name)["kinds"])
        return counted

    def traffic(self, cloud: str) -> dict[str, Any]:
        """kinds as in `calls`; others: how many another program than oaktree asked; in_flight now;
        most_in_flight; cut: how many the client gave up."""
        report: dict[str, Any] = self.admin(cloud, "GET", "calls")
        return report

    def reset_calls(self) -> None:
        for name in self.clouds:
            self.admin(name, "DELETE", "calls")

    def fault(self, cloud: str, kind: str, **values: Any) -> None:
        """Plant a fault; the values are those of `Fault`."""
        self.admin(cloud, "POST", "faults", {"kind": kind, **values})

    def clear_faults(self, cloud: str | None = None) -> None:
        for name in [cloud] if cloud else self.clouds:
            self.admin(name, "DELETE", "faults")

    def set(self, cloud: str, **settings: Any) -> None:
        """Change settings while the cloud runs; quotas that are not named stay."""
        self.admin(cloud, "PATCH", "settings", settings)

    def expire_tokens(self, cloud: str) -> None:
        """Every token given out so far is worth nothing."""
        self.revoke_tokens(cloud)

    def revoke_tokens(self, cloud: str, user: str | None = None) -> None:
        """Those of one user, or all."""
        self.admin(cloud, "DELETE", f"tokens/{user}" if user else "tokens")

    def add_user(self, cloud: str, user: str, projects: dict[str, str]) -> None:
        """Add a user with a role in each project, or give one that is there these as well.

        A project that is not there is made, with networks like the project `demo` started with.
        `entry` tells how such a user logs in; the password is everybody's.
        """
        self.admin(cloud, "POST", "users", {"name": user, "roles": projects})

    def application_credential(
        self,
        cloud: str,
        user: str = "demo",
        project: str = "demo",
        *,
        roles: Sequence[str] = (),
        expires: datetime | None = None,
        access_rules: Sequence[dict[str, str]] = (),
        unrestricted: bool = False,
    ) -> tuple[str, str]:
        """Make one; its id and its secret. With all roles of the user where none are named.

        expires: with a time zone. access_rules: each has service, method and path. Raises
        ValueError in Keystone's words where it refuses.
        """
        body = {
            "user": user,
            "project": project,
            "roles": list(roles),
            "expires_at": expires and expires.astimezone(UTC).replace(tzinfo=None).isoformat(),
            "access_rules": list(access_rules),
            "unrestricted": unrestricted,
        }
        made = self.admin(cloud, "POST", "application_credentials", body)
        return made["id"], made["secret"]

    def delete_application_credential(self, cloud: str, key: str) -> None:
        """The tokens it gave end with it."""
        self.admin(cloud, "DELETE", f"application_credentials/{key}")

    def secrets(self, cloud: str | None = None) -> frozenset[str]:
        """Every token and every application credential's secret that was given out so far."""
        names = [cloud] if cloud else list(self.clouds)
        return frozenset(s for name in names for s in self.admin(name, "GET", "secrets"))

    def add_servers(
        self,
        cloud: str,
        region: str,
        count: int,
        project: str = "demo",
        prefix: str = "server",
        user: str = "demo",
    ) -> list[str]:
        """Many ACTIVE servers at once, whatever the quota says. Their ids, oldest first."""
        body = {"count": count, "project": project, "prefix": prefix, "user": user}
        ids: list[str] = self.admin(cloud, "POST", f"servers/{region}", body)
        return ids

    def add_source_image(
        self, cloud: str, region: str, name: str, size: int, project: str = "demo"
    ) -> str:
        """An active image of pseudo-random bytes that are kept nowhere, however many. Its id.

        Takes two or three seconds a GiB, for its checksums. `oaktree.democloud.content.Source`
        makes the same bytes.
        """
        digests = {kind: source_digest(size, kind) for kind in ("md5", "sha512")}
        body = {"name": name, "size": size, "digests": digests, "project": project}
        made: dict[str, str] = self.admin(cloud, "POST", f"source_images/{region}", body)
        return made["id"]

    def lay_out(self, cloud: str, region: str, *networks: Net) -> None:
        """Replace all networks of a region, and what is on them."""
        body = {"networks": [asdict(network) for network in networks]}
        self.admin(cloud, "PUT", f"networks/{region}", body)

    def items(self, cloud: str, region: str, table: str) -> list[dict[str, Any]]:
        """All that a table holds (`servers`, `ports`, `floatingips` ...), as it is stored."""
        found: list[dict[str, Any]] = self.admin(cloud, "GET", f"{region}/{table}")
        return found

    def item(self, cloud: str, region: str, table: str, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.admin(cloud, "GET", f"{region}/{table}/{key}")
        return found

    def add(
        self, cloud: str, region: str, table: str, *, like: str | None = None, **values: Any
    ) -> dict[str, Any]:
        """Store a resource without asking anybody: all values, or those that differ from `like`.

        like: the id of one in the same table. The id is a new one where none is given.
        """
        body = values | ({"like": like} if like else {})
        made: dict[str, Any] = self.admin(cloud, "POST", f"{region}/{table}", body)
        return made

    def alter(self, cloud: str, region: str, table: str, key: str, **values: Any) -> None:
        """Write into a stored resource as it is: unknown status words, nulls, anything."""
        self.admin(cloud, "PATCH", f"{region}/{table}/{key}", values)

    def remove(self, cloud: str, region: str, table: str, key: str) -> None:
        """Take a stored resource away, and nothing that hangs on it."""
        self.admin(cloud, "DELETE", f"{region}/{table}/{key}")
