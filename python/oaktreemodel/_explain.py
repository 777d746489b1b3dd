"""What to tell of an error that no oaktree made, but the way to one."""

from __future__ import annotations

import socket

import grpc

from oaktreemodel._address import Endpoint
from oaktreemodel.errors import OaktreeError

_NOTHING = "nothing listens there, or nothing that speaks gRPC; is oaktree running?"
_AUTHORITY = "name its authority with ca=, OAKTREE_CA or ca: in the credentials file"
_TLS_FAILED = (
    "its certificate is not trusted or for another host name, or it does not speak TLS;"
    f" {_AUTHORITY}, or write http://"
)
_WANTS_TLS = "it may want https://"

# What gRPC's own words mean for an address, most telling first.
_SIGNS = (
    ("wrong_version_number", "it does not speak TLS; if that is meant, write http://"),
    ("certificate_verify_failed", f"its certificate is not trusted; {_AUTHORITY}"),
    ("hostname verification", "its certificate is for another host name"),
    ("lookup", "there is no such host"),
    ("no such file", "there is no such socket; is oaktree running?"),
    ("http1", "a web server answers there"),
    ("settings frame", "what listens there says nothing; it may not speak gRPC"),
)
_SIGNS_OF_A_CLOSED_DOOR = ("socket closed", "reset by peer", "endpoint closing")

# What listens on this machine takes a connection at once.
_LOOPBACK = ("127.0.0.1", "::1")
_PROBE_SECONDS = 0.25


def explain(error: OaktreeError, at: Endpoint) -> str:
    """What the error means for who connects; empty where its own words must do."""
    if error.code is grpc.StatusCode.UNIMPLEMENTED:
        return (
            f"what answers at {at.address} does not know this call: it is an older oaktree, or"
            f" something else ({error.message})"
        )
    if error.code is not grpc.StatusCode.UNAVAILABLE:
        return ""
    words = error.message.lower()
    if "failed to connect" not in words and "resolving" not in words:
        return f"the connection to {at.address} broke ({error.message})"
    meaning = _meaning(words, at)
    return f"no oaktree can be reached at {at.address}" + (
        f": {meaning}" if meaning else f" ({error.message})"
    )


def _meaning(words: str, at: Endpoint) -> str:
    for sign, meaning in _SIGNS:
        if sign in words:
            return meaning
    if "refused" in words:
        return _refused(at)
    if any(sign in words for sign in _SIGNS_OF_A_CLOSED_DOOR):
        likely = "it may want a client certificate: cert= and key=" if at.is_secure else _WANTS_TLS
        return f"it hung up; {likely}"
    return ""


def _refused(at: Endpoint) -> str:
    """Of a name's addresses gRPC tells of the last one alone: what listens at another may have
    failed for what can be mended."""
    if not at.is_name:
        return _NOTHING
    other = _TLS_FAILED if at.is_secure else _WANTS_TLS
    if not at.is_local:
        return f"nothing listens there, or {other}"
    port = int(at.place.rpartition(":")[2])
    return f"something listens there, but {other}" if _listens(port) else _NOTHING


def _listens(port: int) -> bool:
    """Whether anything does on this machine, where no name has to be looked up to find out."""
    for host in _LOOPBACK:
        try:
            socket.create_connection((host, port), _PROBE_SECONDS).close()
        except OSError:
            continue
        return True
    return False
