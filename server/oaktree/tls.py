"""TLS for connections to this oaktree, with files that may be changed while it runs."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from oaktree.deployment import Tls
from oaktree.settings import content

LOG = logging.getLogger(__name__)
# What tells that a file is not what it was: another one in its place has another number, even where
# the time it was changed at is kept.
Stamp: TypeAlias = tuple[tuple[int, int, int, int] | None, ...]


def server_credentials(tls: Tls) -> grpc.ServerCredentials:
    """What a server speaks TLS with, 1.2 or newer, which is gRPC's own limit.

    The files are looked at whenever somebody connects, and taken anew if they have changed. What
    cannot be used then, such as a certificate whose key is not there yet, leaves everything as it
    was. OSError or ValueError, which name the file, if they cannot be used from the beginning.
    """
    files = _Files(tls)
    return grpc.dynamic_ssl_server_credentials(
        files.first,
        files.changed,  # type: ignore[arg-type]  # gRPC takes None for no change
        require_client_authentication=tls.client_ca is not None,
    )


class _Files:
    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        # gRPC asks in its own threads.
        self._lock = threading.Lock()
        self._stamp = self._look()
        self.first = _read(tls)

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """What the files hold, if that is something new and good."""
        with self._lock:
            # Before they are read: a change in between is found the next time.
            stamp = self._look()
            if stamp == self._stamp:
                return None
            self._stamp = stamp
            try:
                found = _read(self._tls)
            except (OSError, ValueError) as error:
                LOG.warning("TLS goes on with the certificate it had: %s", error)
                return None
            LOG.info("TLS takes the new %s", self._tls.certificate)
            return found

    def _look(self) -> Stamp:
        paths = (self._tls.certificate, self._tls.key, self._tls.client_ca)
        return tuple(_stamp(path) for path in paths if path is not None)


def _stamp(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read(tls: Tls) -> grpc.ServerCertificateConfiguration:
    """OSError or ValueError, without a word of what is in the files, if they will not do: gRPC
    would find out only when somebody connects."""
    certificate, leaves = certificates(tls.certificate, tls.named("certificate"))
    leaf = leaves[0]
    named = tls.named("key")
    key = content(tls.key, named)
    try:
        fits = load_pem_private_key(key, None).public_key() == leaf.public_key()
    except TypeError:
        raise ValueError(f"{named}: {tls.key} needs a password; write it without one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"{named}: {tls.key} holds no private key in PEM") from None
    if not fits:
        raise ValueError(
            f"{named}: {tls.key} is not the key of {tls.certificate}, whose first certificate must "
            "be this server's own"
        )
    if leaf.not_valid_after_utc < datetime.now(UTC):
        LOG.warning("%s expired on %s", tls.certificate, leaf.not_valid_after_utc)
    authorities = None
    if tls.client_ca is not None:
        authorities, _ = certificates(tls.client_ca, tls.named("client_ca"))
    return grpc.ssl_server_certificate_configuration([(key, certificate)], authorities)


def certificates(path: Path, named: str) -> tuple[bytes, list[x509.Certificate]]:
    """What a file holds, and at least one certificate of it. OSError or ValueError, with what names
    the file and its path, if there is none."""
    found = content(path, named)
    try:
        return found, x509.load_pem_x509_certificates(found)
    except ValueError:
        raise ValueError(f"{named}: {path} holds no certificate in PEM, or a broken one") from None
