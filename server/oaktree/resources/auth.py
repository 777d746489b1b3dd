"""Tokens: what a caller shows who it is with."""

from __future__ import annotations

from typing import Any

from oaktree import validate
from oaktree.call import Call


async def create_token(call: Call, reader: Any) -> bytes:
    validate.need(call.request, "client_id", "client_secret")
    return await call.gate.create_token(call.request, call.peer())


SPECIALS = {"CreateToken": create_token}
