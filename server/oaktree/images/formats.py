"""What disk format bytes are of, by how they begin. In the image service's own words."""

from __future__ import annotations

from typing import NamedTuple


class _Magic(NamedTuple):
    disk_format: str
    place: int
    magic: bytes


# Of fixed-size VHDs nothing but their end tells: they are taken for raw, which they are but for
# that.
_MAGICS = (
    _Magic("qcow2", 0, b"QFI\xfb\x00\x00\x00\x02"),
    _Magic("qcow2", 0, b"QFI\xfb\x00\x00\x00\x03"),
    _Magic("vhd", 0, b"conectix"),
    _Magic("vhdx", 0, b"vhdxfile"),
    _Magic("vmdk", 0, b"KDMV"),
    _Magic("vmdk", 0, b"# Disk DescriptorFile"),
    _Magic("vdi", 0x40, b"\x7f\x10\xda\xbe"),
    _Magic("ploop", 0, b"WithoutFreeSpace"),
    _Magic("ploop", 0, b"WithouFreSpacExt"),
    _Magic("iso", 0x8001, b"CD001"),
)
# As many of the first bytes tell all that can be told.
HEAD_BYTES = max(one.place + len(one.magic) for one in _MAGICS)


def sniff(head: bytes) -> str:
    """The format of a disk that begins so; raw if it is none of those that say what they are."""
    for one in _MAGICS:
        if head.startswith(one.magic, one.place):
            return one.disk_format
    return "raw"
