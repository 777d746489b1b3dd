"""From a client of everything to a scope of one place."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from oaktreemodel._values import fill
from oaktreemodel.v1.location_pb2 import Location, Project

S = TypeVar("S")


class Places(Generic[S]):
    """The ways to name a place; the same for both clients."""

    @abstractmethod
    def _at(self, location: Location) -> S: ...

    def cloud(
        self,
        name: str,
        *,
        region: str | None = None,
        zone: str | None = None,
        project: str | Mapping[str, str] | Project | None = None,
    ) -> S:
        """The collections of one cloud; whether there is such a cloud shows at the first call.

        Args:
            name: The cloud's name in the server's configuration.
            region: Its region. Absent: all regions for lists, else the default one.
            zone: An availability zone: lists are of what is in it, and what is created goes there.
            project: The project to act in, by name, or as {"id": …}, or with its domain. Absent:
                the one that the cloud's credentials name.

        Raises:
            ValueError: The name is empty.
        """
        if not name:
            raise ValueError("the name of a cloud is empty; use the client itself for all clouds")
        return self.at(
            {
                "cloud": name,
                "region": region,
                "zone": zone,
                "project": {"name": project} if isinstance(project, str) else project,
            }
        )

    def at(self, location: Location | Mapping[str, Any]) -> S:
        """The collections of the place where something is: `client.at(server.location)`."""
        copy = Location()
        if isinstance(location, Location):
            copy.CopyFrom(location)
        else:
            fill(copy, location)
        return self._at(copy)
