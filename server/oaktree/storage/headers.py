"""What is said of an object when it is stored, whole or as its segments, in headers."""

from __future__ import annotations

import mimetypes
import re
from decimal import Decimal
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from oaktree import objects, swiftmeta
from oaktree.errors import invalid
from oaktree.swift import Info

UNKNOWN = "application/octet-stream"
# Of a request that is repeated, so that it knows what it has made itself.
REQUEST = swiftmeta.OBJECT + "Oaktree-Request"
Headers = dict[str, str | bytes]
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def of(request: Any, info: Info) -> Headers:
    """By a request that stores an object. INVALID_ARGUMENT for what cannot be kept as it is."""
    kind = swiftmeta.check_value("content_type", request.content_type)
    headers: Headers = {
        "Content-Type": kind.encode() or mimetypes.guess_type(request.name)[0] or UNKNOWN,
        **swiftmeta.headers(swiftmeta.OBJECT, request.metadata, info),
    }
    if request.HasField("modified_at"):
        headers[swiftmeta.MODIFIED] = seconds(request.modified_at)
    if request.only_if_absent:
        headers["If-None-Match"] = "*"
        if request.request_id:
            headers[REQUEST] = request.request_id
    if request.HasField("expires_at"):
        objects.check_future(request.expires_at)
        headers[objects.EXPIRES] = objects.as_header(request.expires_at)
    return headers


def seconds(at: Timestamp) -> str:
    """Since the epoch, with as many decimals as are needed."""
    return f"{Decimal(at.seconds) + Decimal(at.nanos).scaleb(-9):f}"


def sha256(text: str, fieldname: str = "content.sha256") -> str:
    """A digest as it is noted. INVALID_ARGUMENT if it is none."""
    if not _SHA256.fullmatch(text):
        raise invalid(fieldname, "is no SHA-256 of 64 digits in hex")
    return text.lower()
