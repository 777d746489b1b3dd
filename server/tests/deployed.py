"""A deployer's oaktree before the embedded clouds, and the tokens that its callers bring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
import yaml
from oaktree.admission import Admission
from oaktree.democloud import DemoCloud
from oaktree.democloud.keystone.service import PASSWORD
from oaktree.deployment import read
from oaktree.server import Oaktree

from .conftest import Running

Metadata = tuple[tuple[str, str], ...]


class Deployed(Running):
    """An oaktree in a thread of its own that serves one or more of the clouds to whoever brings a
    token. It listens where it did after a restart."""

    gate: Admission

    def __init__(
        self, demo: DemoCloud, folder: Path, clouds: Sequence[str] = ("modern",), **limits: int
    ) -> None:
        """`folder` is where oaktree.yaml goes; `limits` is its section of that name."""
        self._demo = demo
        self._tokens: dict[tuple[str, str, str], str] = {}
        self.path = folder / "oaktree.yaml"
        configured = {
            "clouds": {name: self._entry(name) for name in clouds},
            "default_cloud": clouds[0],
            "limits": limits,
        }
        self.path.write_text(yaml.safe_dump(configured))
        super().__init__(self.path)

    async def _start(self, path: Path, names: tuple[str, ...], address: str) -> tuple[Oaktree, str]:
        self.gate = Admission(read(path))
        oaktree = Oaktree(self.gate)
        return oaktree, await oaktree.start(address)

    def _entry(self, cloud: str) -> dict[str, Any]:
        """As in clouds.yaml, but for what is a user's, and as fast as it can be."""
        entry = self._demo.entry(cloud, "", "")
        return entry | {"auth": {"auth_url": entry["auth"]["auth_url"]}, "rate": 0}

    def restart(self, seconds: float = 2.0) -> None:
        """Stops, with so long for calls under way, and starts anew at the same address."""
        self.do(self.oaktree.stop(seconds))
        self.oaktree, self.address = self.do(self._start(self.path, (), self.address))

    def token(self, user: str = "demo", project: str = "demo", cloud: str = "modern") -> str:
        """A new one, for a user's password."""
        domain = {"id": "default"}
        known = {"name": user, "domain": domain, "password": PASSWORD}
        identity = {"methods": ["password"], "password": {"user": known}}
        scope = {"project": {"name": project, "domain": domain}}
        answer = requests.post(
            f"{self._demo.clouds[cloud].address}/identity/v3/auth/tokens",
            json={"auth": {"identity": identity, "scope": scope}},
            timeout=60,
        )
        answer.raise_for_status()
        return answer.headers["X-Subject-Token"]

    def metadata(
        self, user: str = "demo", project: str = "demo", cloud: str = "modern"
    ) -> Metadata:
        """What a call by that user carries: the same token each time, until it is `renewed`."""
        key = (user, project, cloud)
        if key not in self._tokens:
            self._tokens[key] = self.token(*key)
        return showing(self._tokens[key], cloud)

    def renewed(self, user: str = "demo", project: str = "demo", cloud: str = "modern") -> Metadata:
        self._tokens.pop((user, project, cloud), None)
        return self.metadata(user, project, cloud)


def showing(token: str, cloud: str = "") -> Metadata:
    """A call's metadata with a token."""
    named = (("oaktree-cloud", cloud),) if cloud else ()
    return (("authorization", f"Bearer {token}"), *named)
