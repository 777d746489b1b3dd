"""What each service answers, without a token, about the versions it has."""

from .core import Call, Reply
from .items import Row
from .microversions import text


def answer(call: Call, rest: str) -> Reply | None:
    """The version document that this path asks for; None where it asks for something else.

    Swift has none.
    """
    if call.method != "GET":
        return None
    where = rest.strip("/")
    make = DOCUMENTS.get(call.service.name)
    return make(call, where) if make else None


def _link(call: Call, version: str) -> list[Row]:
    return [{"rel": "self", "href": f"{call.base}/{version}/"}]


def _media(kind: str) -> list[Row]:
    return [{"base": "application/json", "type": f"application/vnd.openstack.{kind}+json"}]


def _identity(call: Call, where: str) -> Reply | None:
    version = {
        "id": "v3.4" if call.cloud.profile.old else "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": _link(call, "v3"),
        "media-types": _media("identity-v3"),
    }
    if where == "":
        return Reply({"versions": {"values": [version]}}, 300)
    return Reply({"version": version}) if where == "v3" else None


def _compute(call: Call, where: str) -> Reply | None:
    bounds = call.service.versions(call.cloud)
    current = {
        "id": "v2.1",
        "status": "CURRENT",
        "version": text(bounds[1]) if bounds else "",
        "min_version": text(bounds[0]) if bounds else "",
        "updated": "2013-07-23T11:33:21Z",
        "links": _link(call, "v2.1"),
    }
    if where == "":
        older = {
            "id": "v2.0",
            "status": "SUPPORTED",
            "version": "",
            "min_version": "",
            "updated": "2011-01-21T11:33:21Z",
            "links": _link(call, "v2"),
        }
        return Reply({"versions": [older, current]})
    if where == "v2.1":
        return Reply({"version": current | {"media-types": _media("compute")}})
    return None


def _network(call: Call, where: str) -> Reply | None:
    if where == "":
        version = {"id": "v2.0", "status": "CURRENT", "links": _link(call, "v2.0")}
        return Reply({"versions": [version]})
    return Reply({"resources": []}) if where == "v2.0" else None


def _image(call: Call, where: str) -> Reply | None:
    if where not in ("", "versions"):
        return None
    top = 3 if call.cloud.profile.old else 16
    versions = [
        {
            "id": f"v2.{minor}",
            "status": "CURRENT" if minor == top else "SUPPORTED",
            "links": _link(call, "v2"),
        }
        for minor in range(top, -1, -1)
    ]
    return Reply({"versions": versions}, 300 if where == "" else 200)


def _volume(call: Call, where: str) -> Reply | None:
    bounds = call.service.versions(call.cloud)
    major = "v3" if bounds else "v2"
    version = {
        "id": f"{major}.0",
        "status": "CURRENT",
        "version": text(bounds[1]) if bounds else "",
        "min_version": text(bounds[0]) if bounds else "",
        "updated": "2023-08-31T00:00:00Z" if bounds else "2014-06-28T12:20:21Z",
        "links": _link(call, major),
        "media-types": _media("volume"),
    }
    if where == "":
        return Reply({"versions": [version]}, 300)
    return Reply({"versions": [version]}) if where == major else None


DOCUMENTS = {
    "identity": _identity,
    "compute": _compute,
    "network": _network,
    "image": _image,
    "volume": _volume,
}
