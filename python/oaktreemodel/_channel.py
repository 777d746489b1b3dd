"""What both clients tell gRPC: credentials and options."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import grpc

from oaktreemodel._address import Endpoint, parse
from oaktreemodel._credentials import Credentials, Pem, find, naming, source_of_ca
from oaktreemodel._tokens import Tokens, tokens_for
from oaktreemodel._version import __version__

DEFAULT_ADDRESS = "localhost:50051"

Options: TypeAlias = Sequence[tuple[str, Any]]

# Where systems keep the authorities they trust, when OpenSSL's own default is not there.
_SYSTEM_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)

_OPTIONS: Mapping[str, Any] = {
    # Batches are small; one message with a long console output or many properties may not be.
    "grpc.max_receive_message_length": 64 * 1024 * 1024,
    # A stream that waits for minutes is silent, and must notice that its server is gone.
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    # How long to try an address where something listens and says nothing.
    "grpc.min_reconnect_backoff_ms": 10_000,
    # Between attempts to connect: who watches wants to know soon that the server is back.
    "grpc.max_reconnect_backoff_ms": 10_000,
    "grpc.primary_user_agent": f"oaktreemodel-python/{__version__}",
}


@dataclass(frozen=True)
class Way:
    """How to connect.

    Attributes:
        endpoint: Where to.
        tls: None for plaintext.
        options: What gRPC is told.
        tokens: What to show there.
    """

    endpoint: Endpoint
    tls: grpc.ChannelCredentials | None
    options: list[tuple[str, Any]]
    tokens: Tokens


def prepare(
    given: Credentials,
    file: str | os.PathLike[str] | None,
    *,
    insecure: bool,
    cert: Pem | None,
    key: Pem | None,
    options: Options,
) -> Way:
    """From the arguments of `connect`, and what the environment and the credentials file add."""
    if (cert is None) != (key is None):
        raise ValueError("cert and key belong together: give both or neither")
    found = find(given, file)
    # Those of the environment and the file say whom to trust, not that there is TLS.
    has_certificates = given.ca is not None or cert is not None
    address = DEFAULT_ADDRESS if found.address is None else found.address
    endpoint = parse(address, insecure=insecure, has_certificates=has_certificates)
    tokens = tokens_for(endpoint, found)
    told = {**_OPTIONS, "grpc.service_config": service_config()}
    if endpoint.is_local:
        # A proxy for the outside world cannot reach this machine's own ports.
        told["grpc.enable_http_proxy"] = 0
    tls = None
    if endpoint.is_secure:
        authorities = _pem(found.ca, source_of_ca(given, found))
        tls = grpc.ssl_channel_credentials(
            root_certificates=_system_roots() if authorities is None else authorities,
            private_key=_pem(key, "key="),
            certificate_chain=_pem(cert, "cert="),
        )
    # Of an option given twice gRPC takes the first.
    return Way(endpoint, tls, list({**told, **dict(options)}.items()), tokens)


def service_config() -> str:
    """Which calls gRPC sends again by itself, and when; made from the proto tree."""
    return resources.files("oaktreemodel.v1").joinpath("service_config.json").read_text()


def _pem(given: Pem | None, source: str) -> bytes | None:
    if given is None or isinstance(given, bytes):
        return given
    with naming(source):
        return Path(given).read_bytes()


def _system_roots() -> bytes | None:
    """The authorities this system trusts; None leaves gRPC to the list that it brings along.

    gRPC for Python looks at its own list alone, and so would refuse what a company's machines
    trust.
    """
    default = ssl.get_default_verify_paths().cafile
    for path in (default, *_SYSTEM_ROOTS):
        if path and os.path.isfile(path):
            return Path(path).read_bytes()
    return None
