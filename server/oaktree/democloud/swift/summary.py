"""Answers that say in their body how many things went, whatever their status is."""

import json

from ..core import Call, Reply
from ..items import Row


def summary(
    call: Call,
    status: str,
    text: str,
    told: Row,
    errors: list[tuple[str, str]],
    *,
    beats: bool = False,
) -> Reply:
    """told: what is said of this kind of request alone. beats: the answer has begun before it was
    known what to say, with blanks to show that somebody is there."""
    code, lead = (202, " \r\n\r\n") if beats else (200, "")
    if "application/json" in call.headers.get("accept", ""):
        body = {"Response Status": status, **told, "Response Body": text, "Errors": errors}
        return Reply((lead + json.dumps(body)).encode(), code, {"content-type": "application/json"})
    lines = [f"{name}: {value}" for name, value in told.items()]
    lines += [f"Response Body: {text}", f"Response Status: {status}", "Errors:"]
    lines += [f"{name}, {why}" for name, why in errors]
    page = lead + "\n".join(lines) + "\n"
    return Reply(page.encode(), code, {"content-type": "text/plain"})
