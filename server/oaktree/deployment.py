"""oaktree.yaml: what a deployer's oaktree serves, to whom, and within which limits. It holds no
credentials of a cloud: these are each caller's own."""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from keystoneauth1 import loading
from openstack import exceptions
from openstack.config import OpenStackConfig
from openstack.config.cloud_region import CloudRegion

from oaktree import entries
from oaktree.budget import RATE
from oaktree.errors import listed
from oaktree.listening import DEFAULT, check
from oaktree.settings import Section, load

LOG = logging.getLogger(__name__)
# Of an entry's settings, those that are files.
_FILES = ("cacert", "cert", "key")
_SECRET = re.compile(r"pass|secret|token|credential|^auth_(type|plugin|methods)$")
_PERSONAL = (
    "does not belong here: every caller brings a token, which says who calls and for which "
    "project, so an oaktree for others holds no credentials; take it out"
)


@dataclass(frozen=True)
class Tls:
    """The files that connections are secured with, in PEM."""

    # Which names them.
    file: Path
    certificate: Path
    key: Path
    # Who signs the certificates that clients must show; None: they need none.
    client_ca: Path | None = None

    def named(self, key: str) -> str:
        """What names one of them, for errors."""
        return f"{self.file}: tls.{key}"


@dataclass(frozen=True)
class Limits:
    """Each is 1 or more."""

    # How long a token's word is taken before the identity service is asked again: a token that is
    # revoked stops working within this time.
    token_check_seconds: int = 30
    # How many callers are kept at a time, with their connections and what was read for them.
    callers: int = 1000
    # How many of them may be of one user, who is several if he has several credentials.
    callers_per_user: int = 50
    # How long a caller that asks nothing is kept.
    idle_seconds: int = 1800
    # How many streams a caller may have under way.
    streams_per_caller: int = 10_000
    # How many wrong tokens a peer may show, before it is told to wait.
    wrong_tokens_per_peer_per_minute: int = 30


@dataclass(frozen=True)
class DeployedCloud:
    """One cloud, as it is before anybody calls."""

    # Of the identity service, with v3 at its end or without.
    auth_url: str
    # By name, in the order of the file. None has an auth plugin: a copy gets each caller's own.
    regions: dict[str, CloudRegion]
    # The region that the file names by itself; empty: none, or those under `regions`.
    region_name: str
    # The vendor profile it uses; empty: none.
    profile: str
    # Requests a second, for each caller; 0: no limit.
    rate: float


@dataclass(frozen=True)
class Deployment:
    listen: str
    tls: Tls | None
    clouds: dict[str, DeployedCloud]
    # Of callers that name none; empty: they must name one.
    default_cloud: str
    limits: Limits


def read(path: str | Path) -> Deployment:
    """OSError or ValueError, which name the file and the key, for what will not do."""
    path = Path(path).absolute()
    top = Section(path, load(path, "--config"))
    top.only([field.name for field in fields(Deployment)])
    clouds = top.section("clouds")
    if not clouds.values:
        raise top.wrong("clouds", "is missing: name the clouds to serve, as in clouds.yaml")
    found = {name: _cloud(name, clouds.section(name)) for name in clouds.values}
    default = top.text("default_cloud") or (next(iter(found)) if len(found) == 1 else "")
    if default and default not in found:
        raise top.wrong("default_cloud", f"is none of the clouds: {listed(found)}")
    limits = top.section("limits")
    limits.only([field.name for field in fields(Limits)])
    return Deployment(
        _listen(top),
        _tls(top.section("tls")) if top.has("tls") else None,
        found,
        default,
        Limits(**{one.name: limits.whole(one.name, one.default, 1) for one in fields(Limits)}),  # type: ignore[arg-type]
    )


def _listen(section: Section) -> str:
    try:
        return check(section.text("listen") or DEFAULT)
    except ValueError as error:
        raise section.wrong("listen", str(error)) from None


def _tls(section: Section) -> Tls:
    section.only([field.name for field in fields(Tls) if field.name != "file"])
    certificate, key = section.path("certificate"), section.path("key")
    if certificate is None or key is None:
        missing = "key" if certificate else "certificate"
        raise section.wrong(missing, "is missing: TLS needs a certificate and its key, in PEM")
    return Tls(section.file, certificate, key, section.path("client_ca"))


def _cloud(name: str, section: Section) -> DeployedCloud:
    # openstacksdk writes into what it is given.
    entry = copy.deepcopy(section.values)
    _settle(section, entry)
    regions = entry.get("regions") or []
    if not isinstance(regions, list):
        raise section.wrong("regions", "must be a list")
    for number, region in enumerate(regions):
        if isinstance(region, dict):
            one = Section(section.file, region, f"{section.name}.regions[{number}]")
            one.only(("name", "values"))
            _settle(one.section("values"), region.get("values") or {})
            region = region.get("name")
        if not isinstance(region, str) or not region:
            raise section.wrong(f"regions[{number}]", "must be a region's name")
    try:
        found = _regions(name, entry)
    except exceptions.ConfigException as error:
        raise section.wrong("", f"cannot be used: {error}") from None
    except Exception as error:
        # Others' texts may quote the entry.
        raise section.wrong("", f"cannot be used: {type(error).__name__}") from None
    profile = section.text("profile") or section.text("cloud")
    return DeployedCloud(
        _auth_url(section, found, profile),
        found,
        section.text("region_name"),
        profile,
        section.number("rate", RATE, 0),
    )


def _settle(section: Section, entry: dict[str, Any]) -> None:
    """Refuses what only callers know: a server that had it would do for one what is another's.
    Makes the paths of files whole, in `entry`."""
    auth = section.section("auth")
    auth.text("auth_url")
    personal = [section.wrong(key, _PERSONAL) for key in section.values if _is_personal(key)]
    personal += [auth.wrong(key, _PERSONAL) for key in auth.values if key != "auth_url"]
    for key in auth.values:
        if key != "auth_url" and not _is_personal(key) and entries.is_auth_url(key):
            raise auth.wrong(key, "is unknown here; did you mean auth_url?")
    if section.has("auth_url"):
        raise section.wrong("auth_url", "belongs under auth")
    if personal:
        raise personal[0]
    for key in entries.wrong_interfaces(section.values):
        raise section.wrong(key, "must be public, internal or admin")
    for key in section.values:
        if problem := entries.unknown(key):
            LOG.warning("%s", section.wrong(key, problem))
    for key in _FILES:
        path = section.path(key)
        if path is not None:
            if not path.is_file():
                raise section.wrong(key, f"is no file that can be read: {path}")
            entry[key] = str(path)


def _is_personal(key: str) -> bool:
    word = entries.word(key)
    return bool(_SECRET.search(word)) or word in _login_settings()


@cache
def _login_settings() -> frozenset[str]:
    """What any of the ways to log in asks for; openstacksdk takes it from beside `auth`, too."""
    loaders: dict[str, Any] = loading.get_available_plugin_loaders()
    names = {
        name
        for loader in loaders.values()
        for option in loader.get_options()
        for one in (option, *option.deprecated)
        for name in (one.name, one.dest)
    }
    return frozenset(name.replace("-", "_") for name in names if name) - {"auth_url"}


def _regions(name: str, entry: dict[str, Any]) -> dict[str, CloudRegion]:
    """As openstacksdk makes them of clouds.yaml, with vendor profiles; nothing of the environment
    or of the files of whoever runs oaktree comes in."""
    config = OpenStackConfig(load_yaml_config=False, load_envvars=False, app_name="oaktree")
    config.cloud_config = {"clouds": {name: entry}}
    found = {}
    for region in config._get_regions(name):
        # It would be validated by making an auth plugin, which only callers have.
        made = config.get_one(cloud=name, region_name=region["name"], validate=False)
        made.config["auth"] = {"auth_url": made.config["auth"].get("auth_url")}
        found[region["name"]] = made
    return found


def _auth_url(section: Section, regions: Mapping[str, CloudRegion], profile: str) -> str:
    """The one address of the cloud's identity service. Callers' secrets are sent to it, and to what
    is in the catalogs that it gives."""
    auth = section.section("auth")
    found = {str(region.config["auth"].get("auth_url") or "") for region in regions.values()}
    if len(found) > 1:
        raise section.wrong(
            "regions",
            "do not share one identity service, so a token of one is worth nothing in another: "
            "name each as a cloud of its own, with its region_name",
        )
    url = found.pop()
    if not url:
        reason = f"and the vendor profile {profile!r} is unknown" if profile else "nor a profile"
        raise auth.wrong("auth_url", f"is missing, {reason}: give the identity service's address")
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or parts.username is not None or parts.password is not None:
        raise auth.wrong(
            "auth_url",
            "must be http:// or https://, a host, perhaps a port and a path; no user, no password",
        )
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        LOG.warning(
            "%s: %s is plaintext: callers' secrets can be read on the way", section.file, url
        )
    # Some vendor profiles still say so; what callers bring is of v3.
    return url.rstrip("/").removesuffix("/v2.0")
