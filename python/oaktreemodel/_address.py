"""Where an oaktree is, and how safe the way there is."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_PORT = 50051
_PORTS = {"": DEFAULT_PORT, "http": 80, "https": 443}


@dataclass(frozen=True)
class Endpoint:
    """An address, read.

    Attributes:
        address: As the caller wrote it.
        target: As gRPC wants it.
        is_local: Whether the way never leaves this machine.
        is_secure: Whether TLS is spoken.
    """

    address: str
    target: str
    is_local: bool
    is_secure: bool

    @property
    def place(self) -> str:
        """What is the same for all addresses of one oaktree: a socket's path from the root, without
        `.`, `..` and `//`, or host and port."""
        scheme, _, rest = self.target.partition(":")
        if scheme != "unix":
            return rest.removeprefix("///")
        # Two slashes in front mean nothing special here, but stay.
        return "/" + os.path.abspath(rest).lstrip("/")

    @property
    def is_name(self) -> bool:
        """Whether the host is a name, which may have several addresses."""
        return not self.target.startswith("unix:") and not _is_ip(self.place.rpartition(":")[0])


def parse(address: str, *, insecure: bool = False, has_certificates: bool = False) -> Endpoint:
    """Read `host:port`, `http://host:port`, `https://host:port` or `unix:/path`.

    TLS unless the address is local, begins with `http://`, or `insecure` says otherwise;
    certificates ask for it anywhere. Raises ValueError for what is none of these, or says both.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = ("unix", address[5:]) if address.startswith("unix:") else ("", address)
    if insecure and (scheme == "https" or has_certificates):
        raise ValueError(f"{address!r}: insecure=True excludes https:// and certificates")
    if has_certificates and scheme == "http":
        raise ValueError(f"{address!r}: certificates need TLS; write https://")
    if scheme == "unix":
        if not rest:
            raise ValueError(f"{address!r} names no socket; write unix:/path/to/socket")
        return Endpoint(address, f"unix:{rest}", True, has_certificates)
    if scheme not in _PORTS:
        raise ValueError(f"{address!r} is not host:port, http://…, https://… or unix:/path")
    host, port = _host_and_port(address, rest, _PORTS[scheme])
    is_local = _is_local(host)
    is_secure = scheme == "https" or has_certificates
    if not scheme and not insecure and not is_local:
        is_secure = True
    written = f"[{host}]" if ":" in host else host
    return Endpoint(address, f"dns:///{written}:{port}", is_local, is_secure)


def _host_and_port(address: str, rest: str, default: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{address!r} is no address: {error}") from None
    if not host or any(one.isspace() for one in host):
        raise ValueError(f"{address!r} names no host; write host:port")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{address!r} holds more than a host and a port")
    return host, default if port is None else port


def _is_local(host: str) -> bool:
    # Not what ends so: some systems ask a name server for that.
    if host == "localhost":
        return True
    return _is_ip(host) and ipaddress.ip_address(host).is_loopback


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
