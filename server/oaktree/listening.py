"""Addresses to listen on: which there can be, and why one does not work."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
from pathlib import Path

DEFAULT = "127.0.0.1:50051"
# What the kernel has room for.
_LONGEST_PATH = 107
_ADDRESS = re.compile(r"(?P<host>\[[^][]+\]|[^][:/\s]+):(?P<port>[0-9]{1,5})")
_PROBLEMS = {
    errno.EADDRINUSE: "the port is in use, perhaps by another oaktree; choose another",
    errno.EADDRNOTAVAIL: "the address is not this machine's",
    errno.EACCES: "you may not use this port; choose one from 1024 on",
}


def check(address: str) -> str:
    """The same address. ValueError, which says what is wrong and what to write instead: gRPC takes
    a port of 99999 for one of 34463, and a host without any for port 443."""
    if address.startswith("unix:"):
        if address.removeprefix("unix:").strip("/") == "":
            raise ValueError("names no socket; write unix:/path/to/socket")
        return address
    if "://" in address:
        raise ValueError("is an URL; write host:port, such as 0.0.0.0:50051")
    if address.startswith(":") and address.count(":") == 1:
        raise ValueError(f"names no host; write 0.0.0.0{address} for all of this machine's")
    if "[" not in address and address.count(":") > 1:
        raise ValueError("is not host:port; IPv6 goes in brackets, such as [::1]:50051")
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise ValueError(
            "is not host:port or unix:PATH; write for example localhost:50051 or [::]:50051"
        )
    if int(found["port"]) > 65535:
        raise ValueError("has a port beyond 65535; write one from 1 to 65535, or 0 for any")
    if found["host"].startswith("["):
        try:
            ipaddress.IPv6Address(found["host"][1:-1])
        except ValueError:
            raise ValueError("has no IPv6 address in its brackets, such as [::1]:50051") from None
    return address


def problem(address: str) -> str:
    """Why it cannot be listened on, which gRPC does not tell."""
    if address.startswith("unix:"):
        return _problem_of_socket(Path(address.removeprefix("unix:")).absolute())
    host, _, port = address.rpartition(":")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.bind(place)
    except socket.gaierror:
        return f"there is no host {host}"
    except OSError as error:
        return _PROBLEMS.get(error.errno or 0, os.strerror(error.errno or 0))
    # Not by now, or not alone.
    return _PROBLEMS[errno.EADDRINUSE]


def _problem_of_socket(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}; make it first"
    if len(os.fsencode(path)) > _LONGEST_PATH:
        return f"the path of a socket has no more than {_LONGEST_PATH} bytes"
    if path.exists() and not path.is_socket():
        return "there is something else; choose another path"
    return f"you may not make a socket in {path.parent}"
