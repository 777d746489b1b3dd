"""Runs a case: tells a driver what to call, and holds what it says against what is expected."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from . import api, expect, files
from .case import Case
from .driver import Asked, Driver, Silent
from .made import Made
from .oaktrees import Oaktree
from .outcome import Call, Failed, Outcome
from .place import Place

# What the secrets are called among what a client is given.
SECRET = ("token", "client_secret")


class Run:
    """One run of a case with one driver."""

    def __init__(self, case: Case, driver: Driver, place: Place, patience: float) -> None:
        self._case = case
        self._driver = driver
        self._place = place
        self._patience = patience
        # For this case alone, which wants another environment.
        self._own_drivers: list[Driver] = []
        self._was_connected = False
        self._calls: dict[str, Call] = {}
        self._made = Made()
        self._files: list[Path] = []
        self._folder = Path(tempfile.mkdtemp(prefix="conformance-"))
        # What no error and no item may tell.
        self._secrets: set[str] = set()
        new = str(uuid.uuid4())
        own = {"unique": f"conf-{new[:8]}", "uuid": new, "oaktree": self._listens()}
        own["folder"] = str(self._folder)
        if case.deployed:
            own["here"] = place.names["there"]
        self._names: expect.Names = {**place.names, **own}
        # What they hold may name others.
        self._names |= expect.fill(case.names, self._names, lenient=True)

    def run(self) -> None:
        """Raises Failed, naming the step, if it goes otherwise than expected."""
        try:
            if self._case.scripted:
                self._place.scripted.script({})
            for number, step in enumerate(self._case.steps, 1):
                try:
                    self._step(expect.fill(step, self._names))
                except (Failed, Silent) as error:
                    raise Failed(f"{self._case.name}, step {number}: {error}") from None
            self._close()
        finally:
            self._tidy()

    def _listens(self) -> dict[str, str]:
        """Where the case's oaktree is found."""
        if self._case.scripted:
            address = self._place.scripted.address
        elif self._case.deployed:
            address = f"https://{self._oaktree.address}"
        else:
            address = self._oaktree.address
        socket = self._place.scripted.socket
        return {
            "address": address,
            "port": address.rpartition(":")[2],
            "socket": socket,
            # What its token file is called.
            "socket_file": socket.removeprefix("unix:").replace("%", "%25").replace("/", "%2F"),
        }

    @property
    def _oaktree(self) -> Oaktree:
        return self._place.deployed if self._case.deployed else self._place.own

    def _step(self, step: dict[str, Any]) -> None:
        kind = next(iter(step))
        getattr(self, f"_do_{kind}")(step)

    # The client.

    def _do_connect(self, step: dict[str, Any]) -> None:
        """Makes a client, in the place of the one there was."""
        self._close()
        given = {"address": self._names["oaktree"]["address"], **step["connect"]}
        given = {name: one for name, one in given.items() if one is not None}
        self._hide(given)
        told = self._line(self._driver.ask(connect=given))
        if "broken" in told:
            raise Failed(f"the driver broke: {told}")
        self._was_connected = "refused" not in told
        self._fit(step.get("refused"), told.get("refused"), "the refusal")

    def _do_client(self, step: dict[str, Any]) -> None:
        assert step["client"] == "close"
        self._finish(Call(self._driver.ask(close=True)))

    def _close(self) -> None:
        if self._was_connected:
            self._was_connected = False
            self._finish(Call(self._driver.ask(close=True)))

    def _do_environment(self, step: dict[str, Any]) -> None:
        """Goes on with a driver of its own, which has these variables as well."""
        self._close()
        given = step["environment"]
        self._hide({name.removeprefix("OAKTREE_").lower(): one for name, one in given.items()})
        self._driver = self._driver.again(given)
        self._own_drivers.append(self._driver)

    def _do_file(self, step: dict[str, Any]) -> None:
        path = Path(step["file"])
        if not path.is_relative_to(self._folder):
            self._files.append(path)
        if isinstance(holds := step.get("holds"), dict):
            self._hide(holds)
        files.write(path, step)

    def _do_found(self, step: dict[str, Any]) -> None:
        """Looks at what is in files and folders."""
        there = {path: Path(path) for path in step["found"]}
        told = {path: files.look(one) for path, one in there.items() if _is_there(one)}
        self._fit(step["found"], told, "files")

    def _hide(self, given: dict[str, Any]) -> None:
        self._secrets |= {str(given[name]) for name in SECRET if given.get(name)}

    def _line(self, asked: Asked) -> dict[str, Any]:
        """What the driver tells next. Failed if a secret is in it that is nobody's to see."""
        line = asked.line(self._patience)
        told = "" if "result" in line else json.dumps(line)
        if any(secret in told for secret in self._secrets):
            raise Failed(f"it tells a secret: {told}")
        return line

    # Calls.

    def _do_call(self, step: dict[str, Any]) -> None:
        end = time.monotonic() + self._patience
        while True:
            try:
                return self._call(step)
            except Failed:
                if not step.get("settles") or time.monotonic() > end:
                    raise
            time.sleep(0.1)

    def _call(self, step: dict[str, Any]) -> None:
        before = self._count(step)
        calls = [self._begin(step) for _ in range(int(step.get("times", 1)))]
        if "start" in step:
            (self._calls[step["start"]],) = calls
            return
        for call in calls:
            outcome = self._finish(call)
            if not self._case.scripted:
                self._made.remember(step["call"], outcome.result)
            self._compare(step, outcome)
        for cloud, wanted in step.get("requests", {}).items():
            self._fit(wanted, self._since(cloud, before[cloud], wanted), f"requests to {cloud}")

    def _begin(self, step: dict[str, Any]) -> Call:
        if not self._was_connected:
            self._do_connect({"connect": {}})
        collection, _, method = step["call"].rpartition(".")
        command = {"collection": collection, "method": method} if collection else {"method": method}
        if collection:
            command["rpc"] = api.rpc(step["call"]).name
        where = step.get("at", "everywhere" if self._case.scripted else self._names["here"])
        if isinstance(where, str):
            command |= {} if where == "everywhere" else {"cloud": where}
        else:
            command["at"] = where
        command["request"] = step.get("request", {})
        options = {"timeout", "take", "states", "failures"}
        options |= {"source", "target", "progress"}
        command |= {key: value for key, value in step.items() if key in options}
        return Call(self._driver.ask(**command))

    def _finish(self, call: Call) -> Outcome:
        while not call.outcome.over:
            call.outcome.take(self._line(call.asked))
        return call.outcome

    def _do_ended(self, step: dict[str, Any]) -> None:
        self._compare(step, self._finish(self._calls[step["ended"]]))

    def _do_hear(self, step: dict[str, Any]) -> None:
        """Goes through a call's items to the next that fits, and waits for it."""
        call = self._calls[step["hear"]]
        passed = call.heard
        while True:
            while call.heard < len(call.outcome.items):
                call.heard += 1
                if expect.fits(step["item"], call.outcome.items[call.heard - 1], self._names):
                    return
            if call.outcome.over:
                raise Failed(f"ended without {expect.shown(step['item'])}: {call.outcome}")
            try:
                call.outcome.take(self._line(call.asked))
            except Silent as error:
                heard = expect.shown(call.outcome.items[passed:])
                wanted = expect.shown(step["item"])
                raise Failed(f"{error}; expected {wanted}, and had heard {heard}") from None

    def _compare(self, step: dict[str, Any], outcome: Outcome) -> None:
        if "refused" in step:
            self._fit(step["refused"], outcome.why, "the refusal")
        elif "error" in step:
            if outcome.error is None:
                raise Failed(f"it went well, with {outcome}; expected {step['error']}")
            self._fit(step["error"], outcome.error, "error")
        elif outcome.error is not None or outcome.refused is not None:
            raise Failed(f"it failed: {expect.shown(outcome.error or outcome.refused)}")
        if "result" in step:
            self._fit(step["result"], outcome.result, "result")
        if "items" in step:
            self._fit(step["items"], outcome.items, "items")
        if "told" in step:
            self._fit(step["told"], outcome.failures, "told")
        if "count" in step:
            self._fit(step["count"], len(outcome.items), "count")
        for wanted in step.get("has", ()):
            if not any(expect.fits(wanted, one, self._names) for one in outcome.items):
                raise Failed(f"no item fits {wanted}: {expect.shown(outcome.items)}")
        for unwanted in step.get("lacks", ()):
            found = [one for one in outcome.items if expect.fits(unwanted, one, self._names)]
            if found:
                raise Failed(f"an item fits {unwanted}: {expect.shown(found[0])}")
        if "keep" in step:
            self._names[step["keep"]] = outcome.result

    def _fit(self, expected: Any, actual: Any, what: str) -> None:
        if found := list(expect.misfits(expected, actual, self._names, what)):
            raise Failed("; ".join(found))

    # What is asked of the clouds.

    def _count(self, step: dict[str, Any]) -> dict[str, Any]:
        return {cloud: self._demo.calls(cloud) for cloud in step.get("requests", {})}

    def _since(self, cloud: str, before: Any, wanted: dict[str, int]) -> dict[str, int]:
        now = self._demo.calls(cloud)
        counted = {kind: now[kind] - before[kind] for kind in wanted if kind != "all"}
        return counted | ({"all": (now - before).total()} if "all" in wanted else {})

    @property
    def _demo(self) -> Any:
        if self._place.demo is None:
            raise Failed("a real cloud cannot do that; the case is not for it")
        return self._place.demo

    def _do_demo(self, step: dict[str, Any]) -> None:
        """Does something at the clouds themselves: the calls of `oaktree.democloud.DemoCloud`."""
        for name, values in step["demo"].items():
            given = self._demo and self._place.tell(name, values)
            if "keep" in step:
                self._names[step["keep"]] = given

    def _do_traffic(self, step: dict[str, Any]) -> None:
        for cloud, wanted in step["traffic"].items():
            self._until(wanted, partial(self._demo.traffic, cloud), cloud)

    # The oaktree.

    def _do_oaktree(self, step: dict[str, Any]) -> None:
        for word in step["oaktree"].split():
            getattr(self._oaktree, word)()

    def _do_script(self, step: dict[str, Any]) -> None:
        self._place.scripted.script(step["script"])

    def _do_saw(self, step: dict[str, Any]) -> None:
        for rpc, wanted in step["saw"].items():
            self._until(wanted, partial(self._place.scripted.told, rpc), rpc)

    def _until(self, wanted: Any, look: Callable[[], Any], what: str) -> None:
        """Waits until what can be seen is as expected."""
        end = time.monotonic() + self._patience
        while not expect.fits(wanted, look(), self._names):
            if time.monotonic() > end:
                self._fit(wanted, look(), f"{self._failed()}{what}")
            time.sleep(0.02)

    def _failed(self) -> str:
        """What has become of calls that were started, if they have failed: it may be why what is
        waited for does not come."""
        for call in self._calls.values():
            while not call.outcome.over and not call.asked.lines.empty():
                call.outcome.take(self._line(call.asked))
        failed = {name: call.outcome.error for name, call in self._calls.items()}
        return "".join(
            f"{name} failed: {expect.shown(one)}; " for name, one in failed.items() if one
        )

    def _do_pause(self, step: dict[str, Any]) -> None:
        time.sleep(step["pause"])

    # Afterwards.

    def _tidy(self) -> None:
        """Leaves nothing behind: not a fault, not a thing that was made."""
        for driver in self._own_drivers:
            driver.close()
        for path in self._files:
            path.unlink(missing_ok=True)
        shutil.rmtree(self._folder)
        self._place.restore()
        self._made.delete(self._place)


def _is_there(path: Path) -> bool:
    # A link that leads nowhere is there, too.
    return path.is_symlink() or path.exists()
