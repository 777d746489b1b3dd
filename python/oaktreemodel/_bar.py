"""A bar on a terminal, of a library that draws it well; nothing where either is missing."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from oaktreemodel._progress import OnProgress, Progress


@contextlib.contextmanager
def bar(is_quiet: bool) -> Iterator[OnProgress | None]:
    """What to call with how far a transfer is."""
    if is_quiet or not sys.stderr.isatty():
        yield None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield None
        return
    with tqdm(unit="B", unit_scale=True, unit_divisor=1024, dynamic_ncols=True) as shown:

        def show(progress: Progress) -> None:
            shown.total = progress.total_bytes
            shown.set_postfix_str(progress.name[-40:], refresh=False)
            shown.update(progress.sent_bytes - shown.n)

        yield show
