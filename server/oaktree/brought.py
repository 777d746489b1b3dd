"""How a cloud is shown the tokens that a caller brought.

Such a token is used as it is: one of an application credential cannot be exchanged for another,
and one that could be is still its caller's, and not ours to multiply.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from keystoneauth1.access import AccessInfo
from keystoneauth1.identity.base import BaseIdentityPlugin

from oaktree.errors import Refused, unauthenticated

# The token that the call came with for which something is done; empty for what is done for several
# calls, or for none.
showing: ContextVar[str] = ContextVar("showing", default="")


@dataclass(frozen=True)
class Token:
    """A token, and what the identity service says of it."""

    text: str = field(repr=False)
    access: AccessInfo = field(repr=False)
    # By the cloud's clock.
    ends: datetime


class BroughtTokens(BaseIdentityPlugin):
    """keystoneauth's plugin for one caller in one cloud. The tokens are all of one user, one scope
    and the same roles. What is done for a call shows the call's own; what is done for no one call,
    or for one whose token has ended since, shows any that the cloud takes."""

    def __init__(self, auth_url: str) -> None:
        super().__init__(auth_url)
        self._brought: dict[str, tuple[Token, Callable[[], None]]] = {}
        # When the cloud last did not take a token that it was shown, on the monotonic clock.
        self._refused: dict[str, float] = {}
        self._changing = threading.Lock()

    def add(self, token: Token, refused: Callable[[], None]) -> None:
        """`refused` is called, in some thread, when the cloud does not take the token."""
        with self._changing:
            self._brought[token.text] = (token, refused)

    def drop(self, token: Token) -> None:
        with self._changing:
            self._brought.pop(token.text, None)
            self._refused.pop(token.text, None)

    def get_access(self, session: Any, **kwargs: Any) -> AccessInfo:
        """UNAUTHENTICATED if none is left that is good."""
        return self._shown()[0].access

    def get_auth_ref(self, session: Any) -> AccessInfo:
        return self.get_access(session)

    def invalidate(self) -> bool:
        """The cloud has answered 401. Whether there is something else to try: another token of the
        same caller, but not for a call that came with this one."""
        token, refused = self._shown()
        with self._changing:
            if token.text in self._brought:
                self._refused[token.text] = time.monotonic()
        refused()
        return self._shown()[0] is not token

    def _shown(self) -> tuple[Token, Callable[[], None]]:
        with self._changing:
            own = self._brought.get(showing.get())
            if own is not None:
                return own
            if not self._brought:
                raise ended()
            return min(self._brought.values(), key=self._rank)

    def _rank(self, one: tuple[Token, Callable[[], None]]) -> tuple[float, float]:
        """Best is what was never refused, and lasts longest."""
        token, _ = one
        return self._refused.get(token.text, float("-inf")), -token.ends.timestamp()


def ended() -> Refused:
    return unauthenticated("the token has ended; get a new one")
