"""Runs a case: tells a driver what to call, and holds what it says against what is expected."""

from __future__ import annotations

import base64
import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import oaktreemodel
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.json_format import MessageToDict

from . import api, expect
from .case import Case
from .driver import Asked, Driver, Silent
from .place import Place

# Seconds that a cloud may take to delete what a case made.
DELETING = 120.0
# Where nothing listens.
NOWHERE = "127.0.0.1:1"


class Failed(Exception):
    """A case that went otherwise than expected."""


@dataclass
class Outcome:
    """How a call went, as far as it is known."""

    items: list[Any] = field(default_factory=list)
    failures: list[Any] = field(default_factory=list)
    result: Any = None
    error: Any = None
    over: bool = False

    def take(self, line: dict[str, Any]) -> None:
        """Take a driver's line in. Failed if the driver could not make the call."""
        ((kind, value),) = line.items()
        if kind == "item":
            self.items.append(_read(value))
        elif kind == "failure":
            self.failures.append(_read(value))
        elif kind in ("result", "error"):
            setattr(self, kind, _read(value))
            self.over = True
        else:
            raise Failed(f"the driver broke: {value}")


def _read(value: Any) -> Any:
    """What a driver tells, with the details of errors as protobuf's JSON has them."""
    if isinstance(value, list):
        return [_read(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"type", "value"}:
        url = f"type.googleapis.com/{value['type']}"
        packed = AnyMessage(type_url=url, value=base64.b64decode(value["value"]))
        try:
            return MessageToDict(packed, preserving_proto_field_name=True)
        except TypeError:
            # A language's own.
            return {"@type": url}
    return {key: _read(one) for key, one in value.items()}


@dataclass
class Call:
    """A call under way, and how much of its items has been looked at."""

    asked: Asked
    outcome: Outcome = field(default_factory=Outcome)
    heard: int = 0


class Run:
    """One run of a case with one driver."""

    def __init__(self, case: Case, driver: Driver, place: Place, patience: float) -> None:
        self._case = case
        self._driver = driver
        self._place = place
        self._patience = patience
        new = str(uuid.uuid4())
        own = {"unique": f"conf-{new[:8]}", "uuid": new}
        self._names: expect.Names = {**place.names, **case.names, **own}
        self._calls: dict[str, Call] = {}
        self._made: list[tuple[str, dict[str, Any]]] = []

    def run(self) -> None:
        """Raises Failed, naming the step, if it goes otherwise than expected."""
        try:
            self._connect()
            for number, step in enumerate(self._case.steps, 1):
                try:
                    self._step(expect.fill(step, self._names))
                except (Failed, Silent) as error:
                    raise Failed(f"{self._case.name}, step {number}: {error}") from None
            self._close()
        finally:
            self._tidy()

    def _connect(self) -> None:
        where = self._place.scripted if self._case.scripted else self._place
        self._finish(Call(self._driver.ask(connect=where.address)))

    def _connect_nowhere(self) -> None:
        self._finish(Call(self._driver.ask(connect=NOWHERE)))

    def _close(self) -> None:
        self._finish(Call(self._driver.ask(close=True)))

    def _step(self, step: dict[str, Any]) -> None:
        kind = next(iter(step))
        getattr(self, f"_do_{kind}")(step)

    # Calls.

    def _do_call(self, step: dict[str, Any]) -> None:
        before = self._count(step)
        calls = [self._begin(step) for _ in range(int(step.get("times", 1)))]
        if "start" in step:
            (self._calls[step["start"]],) = calls
            return
        for call in calls:
            outcome = self._finish(call)
            self._remember(step["call"], outcome.result)
            self._compare(step, outcome)
        for cloud, wanted in step.get("requests", {}).items():
            self._fit(wanted, self._since(cloud, before[cloud], wanted), f"requests to {cloud}")

    def _begin(self, step: dict[str, Any]) -> Call:
        collection, method = step["call"].split(".")
        command = {"rpc": api.rpc(step["call"]).name, "collection": collection, "method": method}
        where = step.get("at", "everywhere" if self._case.scripted else self._names["here"])
        if isinstance(where, str):
            command |= {} if where == "everywhere" else {"cloud": where}
        else:
            command["at"] = where
        command["request"] = step.get("request", {})
        options = {"timeout", "take", "states", "failures"}
        command |= {key: value for key, value in step.items() if key in options}
        return Call(self._driver.ask(**command))

    def _finish(self, call: Call) -> Outcome:
        while not call.outcome.over:
            call.outcome.take(call.asked.line(self._patience))
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
                call.outcome.take(call.asked.line(self._patience))
            except Silent as error:
                heard = expect.shown(call.outcome.items[passed:])
                wanted = expect.shown(step["item"])
                raise Failed(f"{error}; expected {wanted}, and had heard {heard}") from None

    def _compare(self, step: dict[str, Any], outcome: Outcome) -> None:
        if "error" in step:
            if outcome.error is None:
                raise Failed(f"it went well, with {outcome}; expected {step['error']}")
            self._fit(step["error"], outcome.error, "error")
        elif outcome.error is not None:
            raise Failed(f"it failed: {expect.shown(outcome.error)}")
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
            getattr(self._place, word)()

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
                self._fit(wanted, look(), what)
            time.sleep(0.02)

    def _do_client(self, step: dict[str, Any]) -> None:
        for word in step["client"].split():
            getattr(self, f"_{word}")()

    # Afterwards.

    def _remember(self, call: str, result: Any) -> None:
        collection, _, method = call.partition(".")
        if method.startswith("create") and not self._case.scripted and result is not None:
            for one in self._resources(result):
                self._made.append((collection, one))

    def _resources(self, result: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The thing that was made, which a response with secrets holds."""
        if "location" in result:
            yield result
        else:
            yield from (one for one in result.values() if "location" in one)

    def _tidy(self) -> None:
        """Leaves nothing behind: not a fault, not a thing that was made."""
        self._place.restore()
        if not self._made:
            return
        with oaktreemodel.connect(self._place.address) as client:
            for name, thing in reversed(self._made):
                collection: Any = getattr(client.at(thing["location"]), name)
                with contextlib.suppress(oaktreemodel.NotFound):
                    _delete(collection, thing["id"])


def _delete(collection: Any, identifier: str) -> None:
    """Raises NotFound if it is gone."""
    try:
        collection.delete(identifier)
    except (oaktreemodel.Failed, oaktreemodel.InvalidArgument):
        # What is being made, some clouds do not delete.
        collection.wait(identifier, timeout=DELETING)
        collection.delete(identifier)
    if hasattr(collection, "wait"):
        collection.wait(identifier, until="deleted", timeout=DELETING)
