"""Where cases run: a real oaktree, before the embedded clouds or before a real OpenStack."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from oaktree.democloud import DemoCloud

from .scripted import Scripted

# Seconds that an oaktree may take to start or to stop on a busy machine.
BOUND = 60.0
FOLDER = Path(__file__).resolve().parent


class Place:
    """An oaktree and what is behind it, for one driver's cases.

    `names` is what cases call ${here}, ${image} and so on. `demo` is None before a real OpenStack.
    """

    def __init__(
        self,
        clouds_yaml: Path,
        log: Path,
        names: dict[str, Any],
        demo: DemoCloud | None = None,
    ) -> None:
        self.names = names
        self.demo = demo
        self._settings = {
            name: asdict(cloud.settings) for name, cloud in (demo.clouds if demo else {}).items()
        }
        self._down: set[str] = set()
        self.scripted = Scripted()
        self.address = "127.0.0.1:0"
        self._clouds_yaml = clouds_yaml
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._was_started = False

    @classmethod
    def without_clouds(cls) -> Place:
        """Only for what is scripted."""
        return cls(Path(), Path(), {})

    def start(self) -> None:
        """Start its oaktree, or start it again on the same port."""
        command = [sys.executable, "-m", "conformance.hurried"] if self.demo else ["oaktree"]
        options = ["--clouds", str(self._clouds_yaml), "--listen", self.address]
        only = [word for cloud in self.names.get("clouds", ()) for word in ("--cloud", cloud)]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*command, "serve", *options, *only],
                cwd=FOLDER.parent,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={name: one for name, one in os.environ.items() if not name.startswith("OS_")},
            )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said.startswith("oaktree serves on "), self._log.read_text()[-2000:]
        self.address = said.split()[-1]
        self._was_started = True

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """End its oaktree."""
        if self._process is not None:
            self._process.send_signal(sign)
            self._process.communicate(timeout=BOUND)
            self._process = None

    def kill(self) -> None:
        """End its oaktree without a word to anybody."""
        self.stop(signal.SIGKILL)

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
        if self._process is None and self._was_started:
            self.start()
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
        self.stop()
        self.scripted.stop()
        if self.demo is not None:
            self.demo.close()


def embedded(folder: Path) -> Place:
    """The three embedded clouds of `oaktree demo`."""
    demo = DemoCloud.start(build_seconds=0.3)
    names = {
        "here": {"cloud": "modern", "region": "east"},
        "clouds": ["modern", "direct", "kilo", "modern-reader"],
        "image": "cirros",
        "flavor": "m1.tiny",
        "network": "private",
        "outside": "public",
    }
    demo.write_clouds_yaml(folder / "clouds.yaml", extras=True)
    place = Place(folder / "clouds.yaml", folder / "oaktree.log", names, demo)
    place.start()
    return place


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
    """That OpenStack, in the project that tests share."""
    names = {
        "here": {"cloud": "devstack-other", "region": "RegionOne"},
        "image": "cirros",
        "flavor": "m1.tiny",
        "network": "private",
        "outside": "public",
    }
    place = Place(devstack(), folder / "oaktree.log", names)
    place.start()
    return place
