"""Where cases run: real oaktrees, before the embedded clouds or before a real OpenStack."""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import oaktreemodel
import yaml
from certificates import certificate
from oaktree.democloud import DemoCloud

from .oaktrees import HURRIED, OAKTREE, Oaktree
from .scripted import Scripted

# What a deployer's oaktree is called in its certificate, and what it is reached by, too.
HOST, OTHER_HOST = "localhost", "127.0.0.1"
# Cases show wrong tokens all the time, and do not like to wait until a revocation is noticed.
LIMITS = {"token_check_seconds": 1, "wrong_tokens_per_peer_per_minute": 10_000}


class Place:
    """Oaktrees and what is behind them, for one driver's cases.

    `names` is what cases call ${here}, ${image} and so on; `environment` is that of all who are
    here: nothing of the user's own comes in. `demo` is None before a real OpenStack.
    """

    def __init__(self, folder: Path, names: dict[str, Any], demo: DemoCloud | None = None) -> None:
        home, run = folder / "home", folder / "run"
        for one in (home, run):
            one.mkdir(mode=0o700)
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OS_", "OAKTREE_", "XDG_"))
        } | {"HOME": str(home), "XDG_RUNTIME_DIR": str(run)}
        self.demo = demo
        self.scripted = Scripted(folder / "socket")
        self.names = {"home": str(home), "run": str(run), **names}
        for name in ("ca", "wrong_ca"):
            made = certificate(HOST)
            self.names[name] = str(folder / f"{name}.pem")
            (folder / f"{name}.pem").write_bytes(made.cert)
            (folder / f"{name}.key").write_bytes(made.key)
        self._folder = folder
        self._oaktrees: list[Oaktree] = []
        self._settings = {
            name: asdict(cloud.settings) for name, cloud in (demo.clouds if demo else {}).items()
        }
        self._down: set[str] = set()

    @cached_property
    def own(self) -> Oaktree:
        """Somebody's own oaktree."""
        only = [word for cloud in self.names.get("clouds", ()) for word in ("--cloud", cloud)]
        return self._start("own", "--clouds", self.names["clouds_yaml"], *only)

    @cached_property
    def deployed(self) -> Oaktree:
        """A deployer's oaktree, which speaks TLS."""
        path = self._folder / "oaktree.yaml"
        configured = {
            "tls": {"certificate": "ca.pem", "key": "ca.key"},
            "clouds": self.names["deployed_clouds"],
            "default_cloud": next(iter(self.names["deployed_clouds"])),
            "limits": LIMITS,
        }
        path.write_text(yaml.safe_dump(configured))
        return self._start("deployed", "--config", str(path), host=HOST)

    def _start(self, name: str, *arguments: str, host: str = OTHER_HOST) -> Oaktree:
        command = HURRIED if self.demo else OAKTREE
        log = self._folder / f"{name}.log"
        made = Oaktree(command, arguments, self.environment, log, host)
        self._oaktrees.append(made)
        return made

    def client(self) -> oaktreemodel.Client:
        """A client of its own oaktree, for this process, which has another environment."""
        port = self.own.address.rpartition(":")[2]
        token = Path(self.names["run"], "oaktree", port).read_text().strip()
        return oaktreemodel.connect(self.own.address, token=token)

    def tell(self, what: str, values: dict[str, Any]) -> Any:
        """Do something at the embedded clouds: one of the calls of DemoCloud."""
        assert self.demo is not None
        values = dict(values)
        if what == "alter":
            # Its own parameters are called like columns of tables.
            values |= values.pop("values")
        elif what == "stop":
            self._down.add(values["cloud"])
        elif what == "start_again":
            self._down.discard(values["cloud"])
        return getattr(self.demo, what)(**values)

    def restore(self) -> None:
        """Make it what it was at first, whatever a case did and however it ended."""
        for one in self._oaktrees:
            one.restore()
        if self.demo is None:
            return
        for cloud in list(self._down):
            self.tell("start_again", {"cloud": cloud})
        self.demo.clear_faults()
        for cloud, settings in self._settings.items():
            if asdict(self.demo.clouds[cloud].settings) != settings:
                self.demo.set(cloud, **settings)

    def close(self) -> None:
        """End everything."""
        for one in self._oaktrees:
            one.stop()
        self.scripted.stop()
        if self.demo is not None:
            self.demo.close()


def embedded(folder: Path) -> Place:
    """The three embedded clouds of `oaktree demo`."""
    demo = DemoCloud.start(build_seconds=0.3)
    # Another user than that of one's own oaktree, which keeps its tokens when these are revoked.
    demo.add_user("modern", "robot", {"demo": "member"})
    client_id, client_secret = demo.application_credential("modern", "robot")
    deployed = {}
    for cloud in ("modern", "direct"):
        entry = demo.entry(cloud, "", "")
        deployed[cloud] = entry | {"auth": {"auth_url": entry["auth"]["auth_url"]}}
    names = {
        "here": {"cloud": "modern", "region": "east"},
        "there": {"cloud": "modern", "region": "east"},
        "clouds_yaml": str(demo.write_clouds_yaml(folder / "clouds.yaml", extras=True)),
        "clouds": ["modern", "direct", "kilo", "modern-reader"],
        "deployed_clouds": deployed,
        "client_id": client_id,
        "client_secret": client_secret,
        "image": "cirros",
        "flavor": "m1.tiny",
        "network": "private",
        "outside": "public",
        # A page that a cloud can fetch.
        "page": f"{demo.clouds['direct'].address}/identity/v3",
    }
    return Place(folder, names, demo)


def devstack() -> Path:
    """The clouds.yaml of the OpenStack that devstack/up started. FileNotFoundError if there is
    none."""
    clouds_yaml = Path(os.environ.get("DEVSTACK_DIR", "/tmp/oaktree-devstack")) / "clouds.yaml"
    if not clouds_yaml.exists():
        raise FileNotFoundError(
            f"no OpenStack to run on: there is no {clouds_yaml}; start one with `make devstack-up`,"
            " or name its folder in DEVSTACK_DIR"
        )
    return clouds_yaml


def real(folder: Path) -> Place:
    """That OpenStack, in the project that tests share; its application credential is another's."""
    clouds_yaml = devstack()
    auth = yaml.safe_load(clouds_yaml.read_text())["clouds"]["devstack-appcred"]["auth"]
    deployed = {"auth": {"auth_url": auth["auth_url"]}, "region_name": "RegionOne"}
    names = {
        "here": {"cloud": "devstack-other", "region": "RegionOne"},
        "there": {"cloud": "devstack", "region": "RegionOne"},
        "clouds_yaml": str(clouds_yaml),
        "deployed_clouds": {"devstack": deployed},
        "client_id": auth["application_credential_id"],
        "client_secret": auth["application_credential_secret"],
        "image": "cirros",
        "flavor": "m1.tiny",
        "network": "private",
        "outside": "public",
    }
    return Place(folder, names)
