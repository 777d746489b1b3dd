"""Tokens: what a caller shows who it is with."""

from __future__ import annotations

from typing import Any

from oaktree.call import Call
from oaktree.errors import not_offered


async def create_token(call: Call, reader: Any) -> bytes:
    raise not_offered(
        "this oaktree is its owner's own: it takes the token in the owner's runtime directory, "
        "where clients of this machine find it by themselves"
    )


SPECIALS = {"CreateToken": create_token}
