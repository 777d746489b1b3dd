"""The keys of a cloud's entry in oaktree.yaml. What is misspelt would go unheeded, and openstacksdk
takes anything: some keys are a service's name and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from openstack.config import defaults

_KNOWN = frozenset(defaults.get_defaults()) | {
    "api_timeout",
    "auth",
    "cacert",
    "cert",
    "cloud",
    "default_interface",
    "endpoint_type",
    "external_network",
    "force_ipv4",
    "insecure",
    "interface",
    "internal_network",
    "key",
    "networks",
    "prefer_ipv6",
    "private",
    "profile",
    "rate",
    "region_name",
    "regions",
    "requires_floating_ip",
    "timeout",
    "timing",
    "use_external_network",
    "use_internal_network",
    "vendor_hook",
    "verify",
}
# Of one service.
_OF_SERVICE = re.compile(
    r"(has|disable)_\w+"
    r"|\w+_(api_version|default_microversion|endpoint|endpoint_override|endpoint_type|interface"
    r"|region_name|service_name|service_type|connect_retries|connect_retry_delay"
    r"|status_code_retries|status_code_retry_delay|retriable_status_codes)"
)
_INTERFACE = re.compile(r"(\w+_)?(interface|endpoint_type)")
# Old clouds' catalogs, and so old entries, have URL at the end.
_INTERFACES = re.compile(r"(public|internal|admin)(URL)?")


def unknown(key: str) -> str:
    """What is wrong with a key; empty for one that openstacksdk or oaktree heeds."""
    # openstacksdk minds capitals.
    written = key.replace("-", "_")
    if written in _KNOWN or _OF_SERVICE.fullmatch(written):
        return ""
    near = get_close_matches(word(key), _KNOWN, 2, 0.7)
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"is unknown here, and not heeded{meant}"


def wrong_interfaces(entry: dict[str, Any]) -> Iterator[str]:
    """The keys whose value is no interface of a service."""
    for key, value in entry.items():
        if value is not None and _INTERFACE.fullmatch(word(key)):
            for one in value if isinstance(value, list) else [value]:
                if not isinstance(one, str) or not _INTERFACES.fullmatch(one):
                    yield key


def is_auth_url(key: str) -> bool:
    """Whether it may have been meant."""
    return bool(get_close_matches(word(key), ["auth_url"], 1, 0.7))


def word(key: str) -> str:
    """Without what spellings of one differ in."""
    return key.replace("-", "_").lower()
