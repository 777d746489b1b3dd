"""Policy as Nova and Cinder word it: who has no more than the role `reader` changes nothing."""

from .core import ApiError, Call


def check_member(call: Call, rule: str) -> None:
    """Raises ApiError 403, which names the rule."""
    if "member" not in call.token.roles and not call.is_admin:
        raise ApiError(403, f"Policy doesn't allow {rule} to be performed.")
