"""The clouds of clouds.yaml, and which of their places a location means."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import grpc
from keystoneauth1.exceptions import AuthPluginException
from oaktreemodel.v1.error_pb2 import Reason
from oaktreemodel.v1.location_pb2 import Location
from openstack import exceptions
from openstack.config import OpenStackConfig

from oaktree.budget import RATE, Budget
from oaktree.errors import Refused, choice_needed, invalid, listed
from oaktree.place import Place

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One cloud: its regions by name, in the order of the configuration."""

    places: dict[str, Place]
    # The region that a call which names the cloud alone goes to; None: there are several, and none
    # is said to be it.
    default_region: str | None = None
    # The vendor profile it uses; empty: none.
    profile: str = ""


class Clouds:
    """The clouds that one caller sees, and which places a location means."""

    def __init__(self, entries: Mapping[str, Entry | Refused], default: str = "") -> None:
        """An entry may be why its cloud cannot be served. `default` is the cloud of a call that
        names none; the only one there is needs none."""
        self.names = sorted(entries)
        self._default_cloud = self.names[0] if len(self.names) == 1 else default
        self._entries = {name: one for name, one in entries.items() if not isinstance(one, Refused)}
        self._broken = {name: one for name, one in entries.items() if isinstance(one, Refused)}

    def close(self) -> None:
        for entry in self._entries.values():
            for place in entry.places.values():
                place.close()

    def regions(self, cloud: str) -> dict[str, Place]:
        """The regions of one cloud, by name, in the order of the configuration."""
        if cloud in self._broken:
            # A copy: a traceback is written into what is raised, and keeps alive what it shows.
            raise replace(self._broken[cloud])
        if cloud not in self._entries:
            raise invalid(
                "location.cloud",
                f"there is no cloud {cloud!r}; there are {listed(self.names)}",
                Reason.REASON_CLOUD_UNKNOWN,
            )
        return self._entries[cloud].places

    def default_region(self, cloud: str) -> str | None:
        entry = self._entries.get(cloud)
        return None if entry is None else entry.default_region

    def profile(self, cloud: str) -> str:
        """The vendor profile that a cloud uses; empty: none is known."""
        entry = self._entries.get(cloud)
        return "" if entry is None else entry.profile

    def _region(self, cloud: str, region: str) -> Place:
        places = self.regions(cloud)
        if region not in places:
            raise invalid(
                "location.region",
                f"cloud {cloud!r} has no region {region!r}; it has {listed(places)}",
                Reason.REASON_REGION_UNKNOWN,
            )
        return places[region]

    def every(self, location: Location) -> tuple[list[Place], list[tuple[Location, Refused]]]:
        """The places a list covers, and those that cannot even be asked.

        A location that names one place fails as a call instead.
        """
        places: list[Place] = []
        failures: list[tuple[Location, Refused]] = []
        for cloud in [location.cloud] if location.cloud else self.names:
            try:
                if location.region and location.cloud:
                    found = [self._region(cloud, location.region)]
                else:
                    regions = self.regions(cloud)
                    found = [
                        place
                        for region, place in regions.items()
                        if not location.region or region == location.region
                    ]
            except Refused as refused:
                if location.cloud:
                    raise
                failures.append((Location(cloud=cloud), refused))
                continue
            places += found
        if location.region and not places and not failures:
            raise invalid(
                "location.region",
                f"no cloud has a region {location.region!r}",
                Reason.REASON_REGION_UNKNOWN,
            )
        return places, failures

    def one(self, location: Location) -> Place:
        """The one place that a call is about; CHOICE_NEEDED, with the choices, if it is not
        clear which."""
        cloud = location.cloud or self._default_cloud
        if not location.cloud and cloud not in self.names:
            raise choice_needed("location.cloud", f"name a cloud: {listed(self.names)}")
        if location.region:
            return self._region(cloud, location.region)
        places = self.regions(cloud)
        default = self.default_region(cloud)
        if default is None:
            raise choice_needed("location.region", f"name a region: {listed(places)}")
        return places[default]


def default_region(places: Mapping[str, Place], named: Any) -> str | None:
    """The region of a call that names the cloud alone: that which the configuration names, or the
    only one."""
    if isinstance(named, str) and named in places:
        return named
    return next(iter(places)) if len(places) == 1 else None


def configured(config: OpenStackConfig, names: Sequence[str] = ()) -> Clouds:
    """The clouds of clouds.yaml; of these names only, if there are any. ValueError if it has no
    such cloud."""
    known = names_of(config)
    for name in names:
        if name not in known:
            raise ValueError(f"no cloud {name!r} in the configuration; it has {listed(known)}")
    entries: dict[str, Entry | Refused] = {}
    for name in names or known:
        try:
            entries[name] = _read(config, name)
        except Exception as error:
            entries[name] = refused = _configuration_invalid(name, error)
            LOG.warning("cloud %s is not served: %s", name, refused)
    # What OS_CLOUD says.
    return Clouds(entries, str(config.default_cloud or ""))


def _read(config: OpenStackConfig, name: str) -> Entry:
    entry = config.cloud_config["clouds"][name] or {}
    if not isinstance(entry, dict):
        raise exceptions.ConfigException("it is not a mapping")
    budget = Budget(_rate(entry))
    places = {}
    for region in (region["name"] for region in config._get_regions(name)):
        found = config.get_one(cloud=name, region_name=region)
        # Without auth openstacksdk would go on to talk to a cloud as nobody.
        if found.config.get("auth_type") in ("none", "http_basic", "admin_token"):
            raise exceptions.ConfigException("its auth_type has no project and no catalog")
        if not found.config.get("auth"):
            raise exceptions.ConfigException("it has no auth")
        found.get_auth()
        places[region] = Place(name, region, found, budget)
    return Entry(
        places,
        default_region(places, entry.get("region_name")),
        str(entry.get("profile") or entry.get("cloud") or ""),
    )


def _rate(entry: dict[str, Any]) -> float:
    """Requests a second, as a cloud's entry in clouds.yaml says."""
    rate = entry.get("rate", RATE)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or rate < 0:
        raise exceptions.ConfigException("rate must be requests a second, 0 for no limit")
    return float(rate)


def _configuration_invalid(name: str, error: Exception) -> Refused:
    # Others' texts may quote the entry, and so a password.
    named = (exceptions.ConfigException, AuthPluginException)
    detail = str(error) if isinstance(error, named) else ""
    return Refused(
        grpc.StatusCode.FAILED_PRECONDITION,
        Reason.REASON_CONFIGURATION_INVALID,
        f"the entry of cloud {name!r} in clouds.yaml cannot be used: "
        f"{detail or type(error).__name__}",
        {"cloud": name},
    )


def names_of(config: OpenStackConfig) -> list[str]:
    """The clouds of a configuration; but for the one that openstacksdk makes up."""
    clouds = config.cloud_config["clouds"]
    if clouds == {"defaults": config.defaults}:
        return []
    return [name for name in clouds if name]
