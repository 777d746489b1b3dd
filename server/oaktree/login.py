"""`oaktree login`: an application credential, made with an entry of clouds.yaml, and the file in
which clients find it."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import oaktreemodel
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
# For the oaktree, to take the credential.
_TRIAL_SECONDS = 30.0


def run(given: argparse.Namespace, config: OpenStackConfig) -> int:
    """0, or 1 if the oaktree does not take what was written. ValueError or OSError, which say what
    to do, if it cannot be done. Nothing has changed then."""
    named = given.file or os.environ.get("OAKTREE_CREDENTIALS") or default_file()
    path = Path(os.path.realpath(named))
    former = _Former.read(path, given.force)
    address = given.address or os.environ.get("OAKTREE_ADDRESS") or former.address
    if not address:
        raise ValueError("which oaktree is it for? Say `oaktree login HOST:PORT`")
    is_same = _is_address(former.address) and parse(former.address).place == parse(address).place
    if former.address and not is_same and not given.force:
        raise ValueError(
            f"{path} is for {former.address}: name another file with --file, or replace this one "
            "with --force"
        )
    # What is said of one oaktree holds for no other.
    kept = former if is_same else _Former()
    ca = kept.ca if given.ca is None else given.ca and os.path.abspath(given.ca)
    cloud = kept.cloud if given.oaktree_cloud is None else given.oaktree_cloud
    # As clients do, from the folder that the file is named in, even where it is a link.
    whole = os.path.join(os.path.dirname(named), ca) if ca else None
    _check(address, whole, "--ca" if given.ca else f"{path}: ca")
    user = _User(config, _choose_cloud(config, given.cloud))
    replaced, left = user.find(former.client_id) if former.client_id else (None, "")
    chosen = given.role or given.read_only
    had = [] if replaced is None or chosen else [str(one["name"]) for one in replaced.roles]
    if gone := [role for role in had if role not in user.roles]:
        raise ValueError(
            f"the former credential has {_words(gone)}, which you do not have in this project: say "
            "which the new one gets, with --role or --read-only"
        )
    roles, remark = choose(user.roles, given.role or had, given.read_only)
    made = user.make(given.name or _name(), roles, given.days)
    content = {
        "address": address,
        "client_id": made.id,
        "client_secret": made.secret,
        "ca": ca,
        "cloud": cloud,
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
    taken = [
        f"{key} {value}"
        for key, value, now in (
            ("address", kept.address, given.address or os.environ.get("OAKTREE_ADDRESS") or None),
            ("ca", kept.ca, given.ca),
            ("cloud", kept.cloud, given.oaktree_cloud),
        )
        if value and now is None
    ]
    taken += [_words(had)] if had else []
    if taken:
        print(f"took over from the former: {', '.join(taken)}")
    if left:
        print(left if chosen else f"{left}; so the roles are chosen anew")
    return _finish(user, replaced, Path(named), address)


def _finish(user: _User, replaced: Any, path: Path, address: str) -> int:
    """Deletes what was replaced, if the oaktree takes what is in its place."""
    problem = _try(path)
    if not problem:
        print("the oaktree takes it")
        if replaced is not None:
            print(user.replace(replaced))
        return 0
    _warn(f"{path} is written, but the oaktree did not take the new credential: {problem}")
    if not parse(address).is_secure:
        _warn(f"clients call {address} in plaintext; if it speaks TLS, write https://HOST:PORT")
    if replaced is not None:
        _warn(
            f"the former one, {replaced.name} ({replaced.id}), is left; if nobody needs it, "
            f"delete it: openstack application credential delete {replaced.id}"
        )
    return 1


def _try(path: Path) -> str:
    """Does as every client will with the file; why it does not work, or empty."""
    try:
        with oaktreemodel.connect(credentials=path) as client:
            client.metadata(timeout=_TRIAL_SECONDS)
    except (OSError, ValueError, oaktreemodel.OaktreeError) as error:
        return str(error)
    return ""


def _warn(text: str) -> None:
    print(f"oaktree: warning: {text}", file=sys.stderr)


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
    # A user has no two of one name, and scripts log in more than once a second.
    when = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    return f"oaktree-{socket.gethostname()}-{when}-{secrets.token_hex(2)}"


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


def _check(address: str, ca: str | None, named: str) -> None:
    """ValueError or OSError for what clients would refuse."""
    endpoint = parse(address, has_certificates=ca is not None)
    if not endpoint.is_local and not endpoint.is_secure:
        raise ValueError(f"{address} is plaintext, where anybody could read the secret; use TLS")
    if ca is not None:
        certificates(Path(ca), named)


# The file.


@dataclass(frozen=True)
class _Former:
    """What a file holds that is to be replaced. Empty: there is none."""

    address: str = ""
    client_id: str = ""
    # As it is written there: from the file's folder.
    ca: str = ""
    cloud: str = ""

    @classmethod
    def read(cls, path: Path, force: bool) -> _Former:
        """ValueError if it is something else, unless that may be replaced by `force`."""
        try:
            section = Section(path, load(path))
            found = cls(**{one.name: section.text(one.name) for one in fields(cls)})
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

    def find(self, identifier: str) -> tuple[Any, str]:
        """What a login made before; or None, and in words why it is none to replace. ValueError if
        that cannot be told: then neither can what it was allowed."""
        try:
            found = self._do(
                lambda: self._identity.get_application_credential(self._access.user_id, identifier)
            )
        except ValueError as error:
            if isinstance(error.__cause__, sdk.NotFoundException):
                return None, f"the former one ({identifier}) is not in this cloud, or not any more"
            if isinstance(error.__cause__, sdk.ForbiddenException):
                return None, self._left(identifier, error)
            raise
        if not str(found.description or "").startswith(DESCRIPTION):
            return None, f"the former one, {found.name} ({identifier}), is left: no login made it"
        return found, ""

    def replace(self, former: Any) -> str:
        """Deletes what a login made before; what came of it, in words."""
        try:
            self.delete(former.id)
        except ValueError as error:
            return self._left(former.id, error)
        return f"the former one, {former.name} ({former.id}), is deleted"

    def _left(self, identifier: str, error: ValueError) -> str:
        return (
            f"the former one is left, since {error}; if nobody needs it, delete it: "
            f"openstack application credential delete {identifier}"
        )
