"""An embedded cloud that is cheap to list, as a process of its own: python -m bench.cloud.

Pages of servers are kept as bytes, so that whoever is measured waits for himself and not for the
cloud. Servers are as large as real ones. A line on standard input says how many of them differ
from one list to the next: none, some (one in a hundred) or all. The answer is how many whole lists
there were so far.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from oaktree.democloud import DemoCloud
from oaktree.democloud.cloud import now
from oaktree.democloud.core import Call, Handler, Reply
from oaktree.democloud.nova.service import SERVICE
from starlette.datastructures import QueryParams

NONE, SOME, ALL = "none", "some", "all"
# What stands in a server's metadata, and is replaced in the bytes: of one in a hundred, and of the
# others.
_RARE, _OFTEN = b'"beat":"rare-0"', b'"beat":"often-0"'
# Brings a server's JSON to 2.5 KB, which is what real ones have.
_METADATA = {f"owner-{number}": "team-platform/" + "x" * 40 for number in range(12)}
_LONG_AGO = "2025-01-01T00:00:00Z"


class Pages:
    """Lists of servers, kept as bytes."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._kept: dict[Hashable, bytes] = {}
        # Of everything, not of what changed lately.
        self.lists = 0
        self._odd = False
        self.differing = NONE

    def __call__(self, call: Call) -> Reply:
        narrowed = "changes-since" in call.query
        if narrowed and self.differing != ALL:
            return self._handler(call)  # type: ignore[return-value]
        # Where all have changed, all are what changed lately.
        query = [(key, value) for key, value in call.query.multi_items() if key != "changes-since"]
        call.query = QueryParams(query)
        if "marker" not in call.query:
            self.lists += not narrowed
            self._odd = not self._odd
        odd = self._odd and self.differing != NONE
        key = (call.region.name, call.project, call.version, str(call.query))
        form = (*key, odd and self.differing)
        if form not in self._kept:
            self._kept[form] = self._changed(self._page(key, call), odd)
        return Reply(self._kept[form])

    def _page(self, key: Hashable, call: Call) -> bytes:
        if key not in self._kept:
            made: Any = self._handler(call)
            self._kept[key] = made.body
        return self._kept[key]

    def _changed(self, page: bytes, odd: bool) -> bytes:
        if odd:
            page = page.replace(_RARE, _RARE.replace(b"0", b"1"))
            if self.differing == ALL:
                page = page.replace(_OFTEN, _OFTEN.replace(b"0", b"1"))
        return page

    @classmethod
    def install(cls) -> Pages:
        """In the place of the embedded cloud's own lists of servers."""
        for number, route in enumerate(SERVICE.routes):
            if (route.method, route.template) == ("GET", "/servers/detail"):
                pages = cls(route.handler)
                SERVICE.routes[number] = route._replace(handler=pages)
                return pages
        raise LookupError("the embedded cloud has no list of servers")


def _entries(demo: DemoCloud, copies: int) -> dict[str, Any]:
    """What a clouds.yaml holds: the cloud, and the same as further ones."""
    modern = demo.clouds_yaml()["clouds"]["modern"]
    # Its politeness is no matter of cost.
    modern["rate"] = 0
    names = ["modern", *(f"modern-{number}" for number in range(copies))]
    return {"clouds": {name: dict(modern) for name in names}}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cloud", description=__doc__)
    parser.add_argument("--clouds-yaml", required=True)
    parser.add_argument("--servers", type=int, default=0)
    parser.add_argument("--copies", type=int, default=0, help="in clouds.yaml, of the cloud")
    parser.add_argument("--building", type=int, default=0, help="how many of them never get ready")
    parser.add_argument("--build-seconds", type=float, default=0.0)
    chosen = parser.parse_args()
    pages = Pages.install()
    with DemoCloud.start(names=["modern"], build_seconds=chosen.build_seconds) as demo:
        region = demo.clouds["modern"].regions["east"]
        for identifier in demo.add_servers("modern", "east", chosen.servers):
            server = region.servers.get(identifier)
            assert server is not None
            beat = "rare-0" if int(server["metadata"]["number"]) % 100 == 0 else "often-0"
            server.change(
                metadata={**server["metadata"], **_METADATA, "beat": beat}, updated=_LONG_AGO
            )
            if chosen.building > 0:
                server.change(status="BUILD", updated=now())
                chosen.building -= 1
        Path(chosen.clouds_yaml).write_text(yaml.safe_dump(_entries(demo, chosen.copies)))
        print("cloud ready:", demo.clouds["modern"].address, flush=True)
        for line in sys.stdin:
            pages.differing = line.strip() or pages.differing
            print(pages.lists, flush=True)


if __name__ == "__main__":
    main()
