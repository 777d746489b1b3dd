"""Memory that is used again, not given back to the system after every chunk of bytes.

glibc takes what is as large as a chunk from the system and gives it back each time, which costs a
download more than all the rest. Raised thresholds keep it.
"""

from __future__ import annotations

import contextlib
import ctypes

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# Above what gRPC and requests make in one piece, and below what a page of a list takes.
_LARGE_BYTES = 4 * 1024 * 1024


def keep() -> None:
    """Sets the thresholds, where this is glibc."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, 4 * _LARGE_BYTES)
