"""`oaktree login`: an application credential, made with an entry of clouds.yaml, and the file in
which clients find it."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from keystoneauth1.exceptions import ClientException
from oaktreemodel._address import parse
from oaktreemodel._credentials import default_file
from openstack import exceptions as sdk
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from oaktree import private
from oaktree.clouds import names_of
from oaktree.errors import listed
from oaktree.settings import Section, load
from oaktree.tls import certificates
from oaktree.translate import translate

T = TypeVar("T")
# How a later login knows what is its own to delete.
DESCRIPTION = "Made by oaktree login"
# What clouds call the role of those who work in a project.
_MEMBER = ("member", "_member_")
_READER = ("reader",)
# For each request to the cloud: without it, a cloud that hangs is waited for without end.
_SECONDS = 60.0


def run(given: argparse.Namespace, config: OpenStackConfig) -> int:
    """ValueError or OSError, which say what to do, if it cannot be done. Nothing has changed
    then."""
    named = given.file or os.environ.get("OAKTREE_CREDENTIALS")
    path = Path(os.path.realpath(named or default_file()))
    former = _Former.read(path, given.force)
    address = given.address or os.environ.get("OAKTREE_ADDRESS") or former.address
    if not address:
        raise ValueError("which oaktree is it for? Say `oaktree login HOST:PORT`")
    _check(address, given.ca)
    if not given.force and former.address and parse(former.address).place != parse(address).place:
        raise ValueError(
            f"{path} is for {former.address}: name another file with --file, or replace this one "
            "with --force"
        )
    user = _User(config, _choose_cloud(config, given.cloud))
    roles, remark = choose(user.roles, given.role, given.read_only)
    made = user.make(given.name or _name(), roles, given.days)
    content = {
        "address": address,
        "client_id": made.id,
        "client_secret": made.secret,
        "ca": os.path.abspath(given.ca) if given.ca else "",
        "cloud": given.oaktree_cloud or "",
    }
    try:
        # In quotes, since some ids look like numbers.
        lines = [f"{key}: {json.dumps(value)}\n" for key, value in content.items() if value]
        private.write(path, "".join(lines))
    except BaseException:
        # Nobody has its secret.
        with contextlib.suppress(ValueError):
            user.delete(made.id)
        raise
    print(f"made the application credential {made.name} ({made.id}),")
    print(f"for project {user.project} of cloud {user.cloud}, with {_words(roles)}{remark},")
    print(f"good until {str(made.expires_at)[:16].replace('T', ' ')} UTC,")
    print(f"and wrote it into {path}, for {address}")
    if former.client_id:
        print(user.replace(former.client_id))
    return 0


def choose(has: Sequence[str], wanted: Sequence[str], read_only: bool) -> tuple[Sequence[str], str]:
    """Of the roles somebody has in a project, the fewest that oaktree's calls work with, and a
    remark if that is a guess. ValueError if there are none such."""
    missing = [role for role in wanted if role not in has]
    if missing:
        raise ValueError(f"you do not have {_words(missing)} in this project, but {_words(has)}")
    if wanted:
        return wanted, ""
    likely = [role for role in has if role.lower() in (_READER if read_only else _MEMBER)]
    if likely:
        return likely[:1], ""
    if read_only:
        raise ValueError(
            f"you do not have the role reader in this project, but {_words(has)}: if one of them "
            "may only read, name it with --role"
        )
    modest = [role for role in has if "admin" not in role.lower() and role != "service"]
    if not modest:
        raise ValueError(
            f"all that you have in this project is {_words(has)}, which is more than a file should "
            "hold; if you want it to, name it with --role"
        )
    return modest, " (there is no role member; name those that will do with --role)"


def _words(roles: Sequence[str]) -> str:
    if not roles:
        return "no role"
    return f"the role{'s' * (len(roles) > 1)} {listed(roles)}"


def _name() -> str:
    # A user has no two of one name.
    return f"oaktree-{socket.gethostname()}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _choose_cloud(config: OpenStackConfig, named: str | None) -> str:
    known = names_of(config)
    # What OS_CLOUD says, or the only one there is.
    name = named or config.default_cloud
    if not name:
        raise ValueError(f"clouds.yaml has several clouds; name one with --cloud: {listed(known)}")
    if name not in known:
        raise ValueError(f"no cloud {name!r} in the configuration; it has {listed(known)}")
    return name


def _is_address(text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _check(address: str, ca: str | None) -> None:
    """ValueError or OSError for what clients would refuse."""
    endpoint = parse(address, has_certificates=ca is not None)
    if not endpoint.is_local and not endpoint.is_secure:
        raise ValueError(f"{address} is plaintext, where anybody could read the secret; use TLS")
    if ca is not None:
        certificates(Path(ca), Path(ca).read_bytes())


# The file.


@dataclass(frozen=True)
class _Former:
    """What a file holds that is to be replaced. Empty: there is none."""

    address: str = ""
    client_id: str = ""

    @classmethod
    def read(cls, path: Path, force: bool) -> _Former:
        """ValueError if it is something else, unless that may be replaced by `force`."""
        try:
            section = Section(path, load(path))
            found = cls(section.text("address"), section.text("client_id"))
            if not _is_address(found.address):
                raise section.wrong("address", "is none: HOST:PORT")
        except FileNotFoundError:
            return cls()
        except ValueError as error:
            if force:
                return cls()
            raise ValueError(
                f"{error}; so it is no credentials file, and is replaced only with --force"
            ) from None
        return found


# The cloud.


class _User:
    """Who clouds.yaml logs in, in the project that it names."""

    def __init__(self, config: OpenStackConfig, cloud: str) -> None:
        self.cloud = cloud
        self._access = self._do(lambda: self._connect(config))
        if self._access.version != "v3" or not self._access.project_id:
            raise ValueError(f"cloud {cloud}: its entry in clouds.yaml names no project of v3")
        self.project = self._access.project_name
        self.roles: Sequence[str] = self._access.role_names

    def _connect(self, config: OpenStackConfig) -> Any:
        region = config.get_one(cloud=self.cloud)
        region.config["api_timeout"] = region.config.get("api_timeout") or _SECONDS
        connection = Connection(config=region)
        # openstacksdk finds out which by the cloud's answers; there are no such credentials in v2.
        self._identity: Any = connection.identity
        session: Any = connection.session
        return session.auth.get_access(session)

    def _do(self, work: Callable[[], T]) -> T:
        """ValueError for whatever goes wrong there."""
        try:
            return work()
        except (ClientException, sdk.SDKException) as error:
            raise ValueError(f"cloud {self.cloud}: {translate(error).message}") from error

    def make(self, name: str, roles: Sequence[str], days: int) -> Any:
        ids = dict(zip(self._access.role_names, self._access.role_ids, strict=True))
        ends = datetime.now(UTC) + timedelta(days=days)

        def create() -> Any:
            return self._identity.create_application_credential(
                self._access.user_id,
                name,
                description=DESCRIPTION,
                # A name may be that of several domains' roles.
                roles=[{"id": ids[role]} for role in roles],
                expires_at=ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
                unrestricted=False,
            )

        try:
            return self._do(create)
        except ValueError as error:
            raise ValueError(self._explained(error, name)) from error

    def _explained(self, error: ValueError, name: str) -> str:
        cause = error.__cause__
        if isinstance(cause, sdk.NotFoundException):
            return f"cloud {self.cloud} is too old to have application credentials"
        if isinstance(cause, sdk.ConflictException):
            return (
                f"you have an application credential {name!r} already: choose another --name, or "
                f"delete it: openstack application credential delete {name}"
            )
        if isinstance(cause, sdk.ForbiddenException) and self._access.application_credential_id:
            return (
                f"the entry of cloud {self.cloud} in clouds.yaml is an application credential "
                "itself, which cannot make others: use --cloud with an entry that has a password"
            )
        return str(error)

    def delete(self, identifier: str) -> None:
        self._do(
            lambda: self._identity.delete_application_credential(self._access.user_id, identifier)
        )

    def replace(self, identifier: str) -> str:
        """Deletes what a login made before; what came of it, in words."""
        try:
            found = self._do(
                lambda: self._identity.get_application_credential(self._access.user_id, identifier)
            )
            if not str(found.description or "").startswith(DESCRIPTION):
                return f"the former one, {found.name} ({identifier}), is left: no login made it"
            self.delete(identifier)
        except ValueError as error:
            if isinstance(error.__cause__, sdk.NotFoundException):
                return f"the former one ({identifier}) is not in this cloud, or not any more"
            return (
                f"the former one is left, since {error}; if nobody needs it, delete it: "
                f"openstack application credential delete {identifier}"
            )
        return f"the former one, {found.name} ({identifier}), is deleted"
