"""Access rules: what the tokens of an application credential are good for, where it has some."""

import re
from collections.abc import Sequence

from ..core import Call
from ..items import Row
from .catalog import service_type

METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
WILD = re.compile(r"(\{[^}]*\}|\*\*|\*)")


def allows(call: Call, rules: Sequence[Row] | None) -> bool:
    """None or none at all: everything. Any token may be shown, whatever its rules say."""
    if not rules:
        return True
    kind = service_type(call.cloud, call.service.name)
    if (kind, call.method) == ("identity", "GET") and call.full_path.endswith("/v3/auth/tokens"):
        return True
    return any(
        (rule["service"], rule["method"]) == (kind, call.method)
        and matches(rule["path"], call.full_path)
        for rule in rules
    )


def matches(pattern: str, path: str) -> bool:
    """`*` and `{name}` stand for one part of the path, `**` for any number of them."""
    expression = "".join(_expression(part) for part in WILD.split(pattern))
    return re.fullmatch(expression, path) is not None


def _expression(part: str) -> str:
    if part == "**":
        return ".*"
    return "[^/]+" if WILD.fullmatch(part) else re.escape(part)
