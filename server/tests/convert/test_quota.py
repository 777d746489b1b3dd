"""Quota, policy and rate limits told apart, by what each service was seen to say."""

from __future__ import annotations

import pytest
from oaktree.quota import from_fault, recognise
from oaktreemodel.v1.error_pb2 import QuotaExceeded

THREE = (
    "Quota exceeded for cores, instances, ram: Requested {}, but already used {} of {} cores, "
    "instances, ram"
)
VOLUMES = "VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota 'volumes'."
SIZE = (
    "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes "
    "quota. Requested 20G, quota is 10G and 5G has been consumed."
)
GLANCE = (
    "413 Request Entity Too Large: The limit has been exceeded on the number of allowed image "
    "properties. Attempted: 129, Maximum: 128"
)
UNIFIED = "Resource image_count_total is over limit of 1 due to current usage 1 and delta 1."

# (status, text, body, the quota)
EXCEEDED = [
    (
        403,
        THREE.format("1, 1, 512", "1, 1, 512", "1, 1, 600"),
        "",
        QuotaExceeded(quota="cores, instances, ram", used=1, max=1, requested=1),
    ),
    (
        # All that Nova looked at are named; only one is too small.
        403,
        THREE.format("2, 1, 512", "3, 1, 512", "4, -1, 51200"),
        "",
        QuotaExceeded(quota="cores", used=3, max=4, requested=2),
    ),
    (
        403,
        "Quota exceeded for ram: Requested 4096, but already used 0 of 1024 ram",
        "",
        QuotaExceeded(quota="ram", used=0, max=1024, requested=4096),
    ),
    (
        403,
        "Quota exceeded for instances: Requested 1, but already used 0 of 0 instances",
        "",
        QuotaExceeded(quota="instances", used=0, max=0, requested=1),
    ),
    (403, "Maximum number of ports exceeded", "", QuotaExceeded(quota="ports")),
    (403, "Quota exceeded, too many key pairs.", "", QuotaExceeded(quota="key pairs")),
    (403, "Quota exceeded, too many server groups.", "", QuotaExceeded(quota="server groups")),
    (
        403,
        "Maximum number of metadata items exceeds 5",
        "",
        QuotaExceeded(quota="metadata items", max=5),
    ),
    (
        413,
        VOLUMES,
        "",
        QuotaExceeded(quota="volumes", max=1),
    ),
    (
        413,
        "SnapshotLimitExceeded: Maximum number of snapshots allowed (10) exceeded",
        "",
        QuotaExceeded(quota="snapshots", max=10),
    ),
    (413, SIZE, "", QuotaExceeded(quota="gigabytes", requested=20, max=10, used=5)),
    (413, "BackupLimitExceeded: too much", "", QuotaExceeded()),
    (413, "Upload exceeds quota.", "", QuotaExceeded()),
    (413, GLANCE, "", QuotaExceeded(requested=129, max=128)),
    (413, UNIFIED, "", QuotaExceeded(quota="image_count_total", used=1, max=1, requested=1)),
    (
        409,
        "Quota exceeded for resources: ['port'].",
        '{"NeutronError": {"type": "OverQuota", "message": "", "detail": ""}}',
        QuotaExceeded(quota="port"),
    ),
    (
        409,
        "Quota exceeded for resources: ['network', 'port'].",
        '{"NeutronError": {"type": "OverQuota"}}',
        QuotaExceeded(quota="network, port"),
    ),
]


@pytest.mark.parametrize(("status", "text", "body", "quota"), EXCEEDED)
def test_a_quota_is_recognised_with_its_numbers(
    status: int, text: str, body: str, quota: QuotaExceeded
) -> None:
    assert recognise(status, text, body) == quota


# The same codes for something else, and the same words with another code.
OTHERWISE = [
    (403, "Policy doesn't allow os_compute_api:servers:create to be performed."),
    (403, "rule:create_floatingip is disallowed by policy"),
    (403, "You are not authorized to perform the requested action."),
    (403, "Resource is locked"),
    (409, "Cannot 'start' instance 7f3f while it is in vm_state active"),
    (409, "Unable to complete operation on network d0. There are one or more ports still in use."),
    (413, "This request was rate-limited."),
    (413, "Only 10 POST request(s) can be made to * every minute."),
    (429, "Too many requests; the limit is exceeded"),
    (500, "VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded"),
    (404, "Quota exceeded, too many key pairs."),
    (400, ""),
    (403, ""),
    (413, ""),
]


@pytest.mark.parametrize(("status", "text"), OTHERWISE)
def test_all_else_is_no_quota(status: int, text: str) -> None:
    body = '{"NeutronError": {"type": "PolicyNotAuthorized"}}'
    assert recognise(status, text, body) is None


FAULTS = [
    (
        f"Build of instance 7f3f aborted: {VOLUMES}",
        QuotaExceeded(quota="volumes", max=1),
    ),
    (
        f"Build of instance 7f3f aborted: {SIZE}",
        QuotaExceeded(quota="gigabytes", requested=20, max=10, used=5),
    ),
    (
        "Build of instance 7f3f aborted: Maximum number of ports exceeded",
        QuotaExceeded(quota="ports"),
    ),
]


@pytest.mark.parametrize(("text", "quota"), FAULTS)
def test_a_fault_may_be_of_a_quota(text: str, quota: QuotaExceeded) -> None:
    assert from_fault(text) == quota


@pytest.mark.parametrize(
    "text",
    [
        "No valid host was found. There are not enough hosts available.",
        "Build of instance 7f3f aborted: Failed to allocate the network(s), not rescheduling.",
        "Exceeded maximum number of retries. Exhausted all hosts available for retrying build.",
        "",
    ],
)
def test_other_faults_are_of_none(text: str) -> None:
    assert from_fault(text) is None
