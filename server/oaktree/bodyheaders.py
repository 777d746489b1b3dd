"""What an answer's headers say of its body. Who guesses, where a cloud says nothing or something
odd, gives other bytes than were asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping

import grpc
from oaktreemodel.v1.error_pb2 import Reason

from oaktree.errors import Refused

_NUMBER = "[0-9]{1,18}"
_RANGE = re.compile(rf"bytes ({_NUMBER})-{_NUMBER}/({_NUMBER})")
_MD5 = re.compile("[0-9a-f]{32}")


def length(headers: Mapping[str, str]) -> int | None:
    """How many bytes the body has; None where that is not said. Raises UNKNOWN if it is no
    number."""
    told = headers.get("Content-Length")
    if told is None:
        return None
    # RFC 9112, 6.3: it may stand there twice, if it is the same.
    several = {one.strip() for one in told.split(",")}
    one = several.pop()
    if several or not re.fullmatch(_NUMBER, one):
        raise no_answer("how many bytes it sends")
    return int(one)


def part(headers: Mapping[str, str]) -> tuple[int, int]:
    """Where the body begins in the whole, and how many bytes that has. Raises UNKNOWN if that is
    not said."""
    match = _RANGE.fullmatch(headers.get("Content-Range", ""))
    if match is None:
        raise no_answer("which bytes it sends")
    return int(match[1]), int(match[2])


def md5(told: str) -> str:
    """What is told as an MD5; empty if it is none. Etags of other stores' large objects and those
    that servers on the way make are none."""
    told = told.lower()
    return told if _MD5.fullmatch(told) else ""


def no_answer(what: str) -> Refused:
    """The cloud answered, and not with what it was asked for."""
    return Refused(
        grpc.StatusCode.UNKNOWN,
        Reason.REASON_CLOUD_ERROR,
        f"the cloud did not answer with {what}",
    )
