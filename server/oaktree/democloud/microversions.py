"""Microversions: which one a request is answered at."""

import re

from .core import ApiError, Call, Version

# Nova's own header, from before there was a common one.
OLD_HEADER = "x-openstack-nova-api-version"


def negotiate(call: Call, headers: dict[str, str]) -> Version | None:
    """The request's microversion, which the answer's headers then tell.

    Raises ApiError 406 beyond the service's range and 400 for what is no version.
    """
    bounds = call.service.versions(call.cloud)
    if bounds is None:
        return None
    low, high = bounds
    name = call.service.version_name
    asked = _asked(call, name)
    if asked is None:
        version = low
    elif asked == "latest":
        version = high
    else:
        match = re.fullmatch(r"(\d+)\.(\d+)", asked)
        if match is None:
            raise ApiError(
                400,
                f"API Version String {asked} is of invalid format. Must be of "
                "format MajorNum.MinorNum.",
            )
        version = int(match[1]), int(match[2])
    headers["openstack-api-version"] = f"{name} {text(version)}"
    headers["vary"] = "OpenStack-API-Version"
    if name == "compute":
        headers[OLD_HEADER] = text(version)
        headers["vary"] += ", X-OpenStack-Nova-API-Version"
    if not low <= version <= high:
        raise ApiError(
            406,
            f"Version {text(version)} is not supported by the API. Minimum is {text(low)} and "
            f"maximum is {text(high)}.",
        )
    return version


def _asked(call: Call, name: str) -> str | None:
    for value in call.headers.getlist("openstack-api-version"):
        for part in value.split(","):
            words = part.split()
            if len(words) == 2 and words[0].lower() == name:
                return words[1]
    return call.headers.get(OLD_HEADER) if name == "compute" else None


def text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
