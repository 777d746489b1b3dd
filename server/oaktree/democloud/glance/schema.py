"""The fields of an image; what is beyond them in its body is a property."""

from typing import Any

DISK_FORMATS = ("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop")
CONTAINER_FORMATS = ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed")
VISIBILITIES = ("community", "public", "private", "shared")

_TEXT: dict[str, Any] = {"type": ["null", "string"]}
_WHOLE: dict[str, Any] = {"type": ["null", "integer"], "readOnly": True}
_LINK: dict[str, Any] = {"type": "string", "readOnly": True}
BASE: dict[str, dict[str, Any]] = {
    "id": {"type": "string"},
    "name": _TEXT | {"maxLength": 255},
    "status": {
        "type": "string",
        "readOnly": True,
        "enum": [
            "queued",
            "saving",
            "active",
            "killed",
            "deleted",
            "uploading",
            "importing",
            "pending_delete",
            "deactivated",
        ],
    },
    "visibility": {"type": "string", "enum": list(VISIBILITIES)},
    "protected": {"type": "boolean"},
    "os_hidden": {"type": "boolean"},
    "checksum": _TEXT | {"readOnly": True, "maxLength": 32},
    "os_hash_algo": _TEXT | {"readOnly": True, "maxLength": 64},
    "os_hash_value": _TEXT | {"readOnly": True, "maxLength": 128},
    "owner": _TEXT | {"maxLength": 255},
    "size": _WHOLE,
    "virtual_size": _WHOLE,
    "container_format": _TEXT | {"enum": [None, *CONTAINER_FORMATS]},
    "disk_format": _TEXT | {"enum": [None, *DISK_FORMATS]},
    "created_at": _LINK,
    "updated_at": _LINK,
    "tags": {"type": "array", "items": {"type": "string", "maxLength": 255}},
    "direct_url": _LINK,
    "min_ram": {"type": "integer"},
    "min_disk": {"type": "integer"},
    "self": _LINK,
    "file": _LINK,
    "schema": _LINK,
    "stores": _LINK,
    "locations": {"type": "array"},
}
NEWER = ("os_hidden", "os_hash_algo", "os_hash_value", "stores")


def schema(*, old: bool) -> dict[str, Any]:
    fields = {name: what for name, what in BASE.items() if not (old and name in NEWER)}
    return {
        "name": "image",
        "properties": fields,
        "additionalProperties": {"type": "string"},
        "links": [
            {"href": "{self}", "rel": "self"},
            {"href": "{file}", "rel": "enclosure"},
            {"href": "{schema}", "rel": "describedby"},
        ],
    }
