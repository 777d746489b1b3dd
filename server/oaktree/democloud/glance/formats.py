"""What Glance finds out about an image from its first bytes."""

from collections.abc import Callable
from struct import unpack_from
from typing import NamedTuple

from ..core import ApiError
from ..errors import DETAIL

SECTOR = 512
# Others are taken for what they are said to be, as there is nothing to tell them by.
KNOWN = ("raw", "qcow2", "vhd", "vhdx", "vmdk", "vdi", "iso")


class Format(NamedTuple):
    name: str
    place: int
    magic: bytes
    size: Callable[[bytes], int | None]
    """How large the disk is that the header tells of; None where that takes more than a header."""


FORMATS = (
    Format("qcow2", 0, b"QFI\xfb", lambda head: int(unpack_from(">Q", head, 24)[0])),
    Format("vhdx", 0, b"vhdxfile", lambda head: None),
    Format("vhd", 0, b"conectix", lambda head: int(unpack_from(">Q", head, 40)[0])),
    Format("vmdk", 0, b"KDMV", lambda head: int(unpack_from("<Q", head, 12)[0]) * SECTOR),
    Format("vdi", 0x40, b"\x7f\x10\xda\xbe", lambda head: int(unpack_from("<Q", head, 0x170)[0])),
    Format(
        "iso",
        0x8001,
        b"CD001",
        lambda head: (
            int(unpack_from("<L", head, 0x8050)[0]) * int(unpack_from("<H", head, 0x8080)[0])
        ),
    ),
)
# A header that ends earlier is none.
HEADER = {"iso": 0x8800, "vdi": 512}


def virtual_size(disk_format: str, container_format: str, head: bytes, size: int) -> int | None:
    """How large the disk in an image is; None where its format does not tell.

    Raises ApiError 415 where the bytes are not of the format that the image is said to have.
    """
    if container_format != "bare" or disk_format not in KNOWN:
        return None
    if disk_format == "raw":
        return size or None
    found = _find(head)
    name = found.name if found else "raw"
    if name != disk_format:
        why = f"Image disk_format {disk_format} does not match stream data {name}"
        raise ApiError(415, why, DETAIL)
    # A header that says nothing of it is one of nothing.
    return (found.size(head) or None) if found else None


def _find(head: bytes) -> Format | None:
    for one in FORMATS:
        end = one.place + len(one.magic)
        long_enough = len(head) >= HEADER.get(one.name, SECTOR)
        if long_enough and head[one.place : end] == one.magic:
            return one
    return None
