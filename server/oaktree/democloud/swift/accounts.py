"""Accounts, and what Swift says of itself."""

from ..core import Call, Reply
from ..items import Row
from .listing import MAX_LIMIT, listed
from .metadata import MAX_ALL, MAX_COUNT, MAX_NAME, MAX_VALUE, asked_headers, check_metadata
from .service import ACCOUNT, SERVICE, Visit, enter
from .sizes import MAX_CONTAINER, MAX_DELETES, MAX_MANIFEST, MAX_OBJECT, MAX_SEGMENTS, MAX_SIZE
from .store import Headers, change_headers
from .tempurl import METHODS, digests

KEPT = ("x-account-meta-",)


@SERVICE.route("GET", "/info", open=True)
def info(call: Call) -> Reply:
    old = call.cloud.profile.old
    swift = {
        "version": "2.3.0" if old else "2.38.3",
        "policies": [{"name": "Policy-0", "default": True}],
        "account_autocreate": True,
        "max_file_size": MAX_SIZE,
        "max_meta_name_length": MAX_NAME,
        "max_meta_value_length": MAX_VALUE,
        "max_meta_count": MAX_COUNT,
        "max_meta_overall_size": MAX_ALL,
        "max_object_name_length": MAX_OBJECT,
        "max_container_name_length": MAX_CONTAINER,
        "container_listing_limit": MAX_LIMIT,
        "account_listing_limit": MAX_LIMIT,
    }
    tempurl: Row = {"methods": list(METHODS)}
    if not old:
        tempurl["allowed_digests"] = digests(old)
    slo = {
        "max_manifest_segments": MAX_SEGMENTS,
        "max_manifest_size": MAX_MANIFEST,
        "min_segment_size": 1,
    }
    return Reply(
        {
            "swift": swift,
            "slo": slo,
            "tempurl": tempurl,
            "container_quotas": {},
            "bulk_delete": {"max_deletes_per_request": MAX_DELETES},
        }
    )


@SERVICE.route("GET", "/healthcheck", open=True)
def health(call: Call) -> Reply:
    return Reply(b"OK", headers={"content-type": "text/plain"})


@SERVICE.route("HEAD", ACCOUNT, open=True)
def show_account(call: Call) -> Reply:
    kind = {"content-type": "text/plain; charset=utf-8"}
    return Reply(status=204, headers=_facts(enter(call)) | kind)


@SERVICE.route("GET", ACCOUNT, open=True)
def list_containers(call: Call) -> Reply:
    visit = enter(call)
    containers = visit.account.containers

    def row(name: str) -> Row:
        container = containers[name]
        return {
            "name": name,
            "count": len(container.objects),
            "bytes": container.size,
            "last_modified": container.made.listed,
        }

    return listed(call, visit.query, _facts(visit), sorted(containers), row)


def change_account(visit: Visit) -> Reply:
    check_metadata(visit.call, "account")
    change_headers(visit.account.headers, asked_headers(visit.call), KEPT)
    return Reply(status=204)


def _facts(visit: Visit) -> Headers:
    containers = visit.account.containers.values()
    return {
        "x-account-container-count": str(len(containers)),
        "x-account-object-count": str(sum(len(one.objects) for one in containers)),
        "x-account-bytes-used": str(sum(one.size for one in containers)),
        "x-timestamp": visit.account.made.header,
        "accept-ranges": "bytes",
        **visit.account.headers,
    }
