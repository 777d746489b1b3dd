"""The renewal of a token that clouds.yaml's credentials gave, and that a cloud takes no more."""

from __future__ import annotations

from typing import Any

from oaktree.brought import BroughtTokens


def let_everybody_try_again(auth: Any) -> None:
    """keystoneauth lets only him try again with a new token who is the first to learn that the old
    one is refused: for those who learn of it at the same moment there is nothing left to
    invalidate, and so they fail."""
    if auth is None or isinstance(auth, BroughtTokens):
        return
    invalidate = auth.invalidate

    def and_try_again() -> bool:
        invalidate()
        return True

    auth.invalidate = and_try_again
