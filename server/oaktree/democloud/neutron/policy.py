"""Policy as Neutron words it: who has no more than the role `reader` changes nothing."""

from ..core import ApiError, Call


def check_policy(call: Call, rule: str) -> None:
    """Raises ApiError 403, which names the rule."""
    if "member" not in call.token.roles and not call.is_admin:
        raise policy(rule)


def policy(rule: str) -> ApiError:
    return ApiError(403, f"(rule:{rule}) is disallowed by policy", "PolicyNotAuthorized")
