"""The golden items, and what oaktree makes of them with no cloud at hand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from google.protobuf.message import Message
from oaktree.budget import Budget
from oaktree.networks import Networks, Settings
from oaktree.place import Place
from oaktree.reader import Found, Reader
from oaktree.resources import readers
from oaktree.resources import server as servers
from oaktree.row import Item
from openstack.config.cloud_region import CloudRegion

ROOT = Path(__file__).parent.parent / "golden"
PROJECT = "bdce72ca25b54c5bbec7af5d1a9d3908"
# Each row has a folder of recorded items, a file of written ones, or both.
NOUNS = {re.sub(r"(?<!^)([A-Z])", r"_\1", noun).lower(): noun for noun in sorted(readers())}
# What flavors the region has now: servers tell one half of one and get the other.
FLAVORS = servers._Flavors({"golden": "1"}, {"1": "golden"})


@dataclass(frozen=True)
class Golden:
    """One item as a service gave it, or, where nobody can record one, as it would."""

    noun: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.noun}-{self.name}"

    @property
    def item(self) -> Item:
        """A new copy each time."""
        return dict(orjson.loads(self.text))


@cache
def goldens() -> tuple[Golden, ...]:
    """Recorded ones are a file each; those written by hand, a file a resource."""
    found = []
    for folder, noun in NOUNS.items():
        items: dict[str, Any] = {
            path.stem: json.loads(path.read_text()) for path in (ROOT / folder).glob("*.json")
        }
        written = ROOT / "written" / f"{folder}.json"
        if written.exists():
            items |= json.loads(written.read_text())
        found += [Golden(noun, name, json.dumps(item)) for name, item in sorted(items.items())]
    return tuple(found)


def golden(noun: str, name: str) -> Golden:
    return next(g for g in goldens() if (g.noun, g.name) == (noun, name))


class Unconnected(Place):
    """A place that asks no cloud: what would be read of it is given."""

    def __init__(self, networks: Networks | None = None) -> None:
        super().__init__("cloud", "region", CloudRegion("cloud", "region", config={}), Budget())
        self.project.id, self.project.name = PROJECT, "demo"
        self._given = {
            "flavors": FLAVORS,
            "networks": networks or Networks(Settings(), PROJECT),
        }

    def kept(self, what: str, seconds: float, read: Callable[[], Any]) -> Any:
        return self._given[what]


def reader(noun: str) -> Reader:
    return readers()[noun]


def found(noun: str, item: Item) -> Found:
    return reader(noun).encode(Unconnected(), [item])[0]


def converted(noun: str, item: Item) -> Message:
    message: Message = found(noun, item).message
    return message
