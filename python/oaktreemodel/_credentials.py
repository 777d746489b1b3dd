"""Where a client's credentials come from: arguments, the environment, the credentials file.

Each of the address, the credential, the cloud and the authority is taken from the first that has
it. A credentials file that is an argument goes before the environment, like every argument. What
an oaktree of one's own wants comes from none of them, see `_tokens.py`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TypeAlias

from oaktreemodel._address import parse
from oaktreemodel._private import read_private

# A file's path, or what is in such a file.
Pem: TypeAlias = str | os.PathLike[str] | bytes

# What gRPC can send in metadata; of anything else it shows the whole value in its error.
_SENDABLE = re.compile(r"[\x21-\x7e]+( +[\x21-\x7e]+)*")
_KEY = re.compile(r"[A-Za-z_-]{1,40}")


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What one source gives, or all of them together. What it does not give is None.

    Attributes:
        address: Where they are good.
        token: A token of the cloud's identity service, to be shown as it is.
        client_id: The id of an application credential, to be exchanged for tokens.
        client_secret: Its secret.
        cloud: Which of the oaktree's clouds they are of. None: its only or default one.
        ca: The authorities to trust.
    """

    address: str | None = None
    token: str | None = field(default=None, repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    cloud: str | None = None
    ca: Pem | None = field(default=None, repr=False)

    @property
    def has_secret(self) -> bool:
        """Whether there is something to show."""
        return self.token is not None or self.client_secret is not None

    def over(self, other: Credentials) -> Credentials:
        """These, and from the other source what they lack. A credential is taken whole."""
        shown = self if self.has_secret else other
        return Credentials(
            address=other.address if self.address is None else self.address,
            token=shown.token,
            client_id=shown.client_id,
            client_secret=shown.client_secret,
            cloud=other.cloud if self.cloud is None else self.cloud,
            ca=other.ca if self.ca is None else self.ca,
        )


def find(given: Credentials, file: str | os.PathLike[str] | None) -> Credentials:
    """The arguments, and what the environment and the file add to them.

    Raises:
        ValueError: Of one source, what belongs together is not, or what excludes each other is
            given; the file cannot be understood, can be read by others, or is named expressly and
            for another address.
        OSError: The file cannot be read, or was named and is not there.
    """
    _check(given, str)
    known = given if file is None else _add(given, os.fspath(file), "credentials=")
    named = None
    environ = _environment(os.environ)
    if _is_for(environ, known.address):
        _check(environ, _variable)
        known = known.over(environ)
        named = os.environ.get(_variable("credentials")) or None
    # Else nothing of it is needed, and a mistake in it hurts nobody.
    if known.address is None or not known.has_secret:
        if named is not None:
            known = _add(known, named, _variable("credentials"))
        elif os.path.exists(path := default_file()):
            known = _add(known, path, None)
    return known


def default_file() -> str:
    """The credentials file, where none is named."""
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(folder):
        folder = os.path.expanduser("~/.config")
    return os.path.join(folder, "oaktree", "credentials.yaml")


def source_of_ca(given: Credentials, found: Credentials) -> str:
    """What named the authorities: an argument, a variable or a key."""
    if given.ca is not None:
        return "ca="
    variable = _variable("ca")
    return variable if found.ca == os.environ.get(variable) else "ca: in the credentials file"


@contextlib.contextmanager
def naming(source: str) -> Iterator[None]:
    """An OSError that is raised in it says also what named the file."""
    try:
        yield
    except OSError as error:
        told = f"{source}: {error.strerror}"
        raise OSError(error.errno, told, error.filename) from error


def is_sendable(value: str) -> bool:
    """Whether gRPC's metadata can carry it."""
    return _SENDABLE.fullmatch(value) is not None


def _variable(name: str) -> str:
    return f"OAKTREE_{name.upper()}"


def _environment(environ: Mapping[str, str]) -> Credentials:
    # A variable that is empty is not set.
    found = {one.name: environ.get(_variable(one.name)) or None for one in fields(Credentials)}
    address = found["address"]
    try:
        if address is not None:
            parse(address)
    except ValueError as error:
        raise ValueError(f"{_variable('address')}: {error}") from None
    return Credentials(**found)


def _is_for(found: Credentials, address: str | None) -> bool:
    if found.address is None or address is None:
        return True
    return parse(found.address).place == parse(address).place


def _add(known: Credentials, path: str, named_by: str | None) -> Credentials:
    """What is known, and what the file adds to it if it is for the same address."""
    with naming(named_by or "the credentials file"):
        stored = _read(path)
    if _is_for(stored, known.address):
        return known.over(stored)
    if named_by is not None:
        raise ValueError(f"{path} is for another address than {known.address!r}")
    return known


def _check(found: Credentials, name: Callable[[str], str]) -> None:
    """Raises ValueError, by the names that the source has for things, never with a value."""
    if found.token is not None and (found.client_id is not None or found.client_secret is not None):
        raise ValueError(f"{name('token')} and {name('client_id')} exclude each other")
    if (found.client_id is None) != (found.client_secret is None):
        both = f"{name('client_id')} and {name('client_secret')}"
        raise ValueError(f"{both} belong together: give both or neither")
    for key in ("token", "client_id", "client_secret", "cloud"):
        value = getattr(found, key)
        fits = is_sendable if key in ("token", "cloud") else str.isprintable
        if value is not None and not (value and fits(value)):
            raise ValueError(f"{name(key)} is empty, or holds characters that cannot be sent")


def _read(path: str) -> Credentials:
    """The credentials file. Its errors name it and the key or the line, never a value."""
    # Most programs need no file, and should not have to wait for its reader.
    import yaml

    try:
        # Nodes know their lines, and nothing is made of what only looks like a date.
        root = yaml.compose(read_private(path), Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = path if mark is None else f"{path}, line {mark.line + 1}"
        # Without its cause, which quotes the file.
        raise ValueError(f"{where}: this is not YAML") from None
    pairs = root.value if isinstance(root, yaml.MappingNode) else None
    if pairs is None:
        raise ValueError(f"{path} is not a mapping of keys to values")
    allowed = [one.name for one in fields(Credentials) if one.name != "token"]
    stored: dict[str, str] = {}
    for key, value in pairs:
        where, name = f"{path}, line {key.start_mark.line + 1}", key.value
        if name not in allowed:
            # What does not look like a key may be a secret in the wrong place.
            shown = name if isinstance(name, str) and _KEY.fullmatch(name) else "there"
            raise ValueError(f"{where}: unknown key {shown}; known are {', '.join(allowed)}")
        if name in stored:
            raise ValueError(f"{where}: {name} is given twice")
        if value.tag != "tag:yaml.org,2002:str":
            raise ValueError(f"{where}: {name} is not a string; put it in quotes")
        stored[name] = value.value
    for name in ("address", "client_id", "client_secret"):
        if not stored.get(name):
            raise ValueError(f"{path}: {name} is missing or empty")
    if "ca" in stored:
        stored["ca"] = os.path.join(os.path.dirname(path), stored["ca"])
    found = Credentials(**stored)
    _check(found, lambda name: f"{path}: {name}")
    try:
        parse(stored["address"])
    except ValueError:
        raise ValueError(f"{path}: address is none; write host:port") from None
    return found
