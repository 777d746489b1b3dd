"""How a cloud is shown the tokens that a caller brought.

Such a token is used as it is: one of an application credential cannot be exchanged for another,
and one that could be is still its caller's, and not ours to multiply.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from keystoneauth1.access import AccessInfo
from keystoneauth1.identity.base import BaseIdentityPlugin

from oaktree.errors import Refused, unauthenticated

# The token that the call came with for which something is done.
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
    and the same roles. What is done for a call shows the call's own; what is done for no call, or
    for one whose token has ended since, shows the one that lasts longest."""

    def __init__(self, auth_url: str) -> None:
        super().__init__(auth_url)
        self._brought: dict[str, tuple[Token, Callable[[], None]]] = {}
        self._changing = threading.Lock()

    def add(self, token: Token, refused: Callable[[], None]) -> None:
        """`refused` is called, in some thread, when the cloud does not take the token."""
        with self._changing:
            self._brought[token.text] = (token, refused)

    def drop(self, token: Token) -> None:
        with self._changing:
            self._brought.pop(token.text, None)

    def get_access(self, session: Any, **kwargs: Any) -> AccessInfo:
        """UNAUTHENTICATED if none is left that is good."""
        return self._shown()[0].access

    def get_auth_ref(self, session: Any) -> AccessInfo:
        return self.get_access(session)

    def invalidate(self) -> bool:
        """The cloud has answered 401. Whether there is something else to try: there is not, since
        another token of the same caller may not be shown for a call that came with this one."""
        _, refused = self._shown()
        refused()
        return False

    def _shown(self) -> tuple[Token, Callable[[], None]]:
        with self._changing:
            own = self._brought.get(showing.get())
            if own is not None:
                return own
            if not self._brought:
                raise ended()
            return max(self._brought.values(), key=lambda one: one[0].ends)


def ended() -> Refused:
    return unauthenticated("the token has ended; get a new one")
