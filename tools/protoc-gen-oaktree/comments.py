"""What a generated method says of itself, in the languages whose methods take a call's request."""

from __future__ import annotations

from collections.abc import Mapping

from messages import pascal
from model import Rpc


def about(rpc: Rpc, beyond: Mapping[str, str], partial: str) -> str:
    """The proto tree's comment, and what the client adds: of a verb that streams, and of an answer
    that may be `partial`."""
    paragraphs = [rpc.source.comment]
    if rpc.verb in beyond:
        paragraphs.append(beyond[rpc.verb])
    elif rpc.response.field("failures"):
        paragraphs.append(partial)
    if rpc.secrets:
        names = ", ".join(one.name for one in rpc.secrets)
        paragraphs.append(f"{pascal(rpc.method)}WithSecrets also returns {names}, shown only once.")
    return "\n\n".join(paragraphs)
