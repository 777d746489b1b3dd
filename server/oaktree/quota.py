"""Which of the cloud's refusals are about a quota, and which one.

No two services say it alike, and some say it with the code of a policy or of a rate limit, so that
the text decides. What each was seen to say stands beside its pattern.
"""

from __future__ import annotations

import re

from oaktreemodel.v1.error_pb2 import QuotaExceeded


def recognise(status: int, text: str, body: str) -> QuotaExceeded | None:
    """The quota that an HTTP error is about, with the numbers that its text gives; None if none."""
    if status == 403:
        return _nova(text)
    if status == 409 and "OverQuota" in body:
        # "Quota exceeded for resources: ['port']."
        return QuotaExceeded(quota=", ".join(re.findall(r"'(\w+)'", text)))
    if status == 413:
        return _cinder(text) or _glance(text) or _swift(text)
    return None


def from_fault(text: str) -> QuotaExceeded | None:
    """The quota that the fault of a failed server is about: a boot from volume is accepted first
    and the block storage service's refusal shows only there."""
    return _cinder(text) or _nova(text)


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?\d+", text) else None


def _nova(text: str) -> QuotaExceeded | None:
    # "Quota exceeded for cores, ram: Requested 1, 512, but already used 1, 512 of 1, 600 cores,
    # ram"
    match = re.search(
        r"Quota exceeded for (?P<names>[\w, ]+): Requested (?P<requested>[\d, ]+), "
        r"but already used (?P<used>[\d, ]+) of (?P<max>[\d, -]+?) [a-z]",
        text,
    )
    if match:
        names = match["names"].split(", ")
        numbers = [
            [_number(part) for part in match[key].split(", ")]
            for key in ("used", "max", "requested")
        ]
        rows = list(zip(names, *numbers, strict=False))
        # Nova names every quota it looked at; the ones that stand in the way are those too small.
        over = [row for row in rows if None not in row and row[1] + row[3] > row[2] >= 0] or rows
        exceeded = QuotaExceeded(quota=", ".join(row[0] for row in over))
        exceeded.used, exceeded.max, exceeded.requested = over[0][1:]
        return exceeded
    # "Maximum number of ports exceeded", "Quota exceeded, too many key pairs."
    match = re.search(r"Maximum number of ([\w ]+?) exceeded|too many ([\w ]+)\.", text)
    if match:
        return QuotaExceeded(quota=match[1] or match[2])
    # "Maximum number of metadata items exceeds 5"
    match = re.search(r"number of ([\w ]+) exceeds (\d+)", text)
    if match:
        return QuotaExceeded(quota=match[1], max=int(match[2]))
    if re.search(r"(?i)\bquota exceeded\b", text):
        return QuotaExceeded()
    return None


def _cinder(text: str) -> QuotaExceeded | None:
    # "VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded for quota 'volumes'."
    match = re.search(
        r"(\w+)LimitExceeded: .*?allowed \((\d+)\) exceeded(?: for quota '(\w+)')?", text
    )
    if match:
        return QuotaExceeded(quota=match[3] or match[1].lower() + "s", max=int(match[2]))
    # "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes
    # quota. Requested 20G, quota is 10G and 5G has been consumed."
    match = re.search(
        r"exceeds allowed (\w+) quota\. Requested (\d+)G, quota is (\d+)G and (\d+)G", text
    )
    if match:
        return QuotaExceeded(
            quota=match[1], requested=int(match[2]), max=int(match[3]), used=int(match[4])
        )
    if re.search(r"LimitExceeded:|ExceedsAvailableQuota:", text):
        return QuotaExceeded()
    return None


def _glance(text: str) -> QuotaExceeded | None:
    # "... limit has been exceeded ... Attempted: 129, Maximum: 128"
    match = re.search(r"Attempted: (\d+), Maximum: (\d+)", text)
    if match:
        return QuotaExceeded(requested=int(match[1]), max=int(match[2]))
    # "Resource image_count_total is over limit of 1 due to current usage 1 and delta 1"
    match = re.search(
        r"Resource (\w+) is over limit of (\d+) due to current usage (\d+) and delta (\d+)", text
    )
    if match:
        most, used, requested = map(int, match.groups()[1:])
        return QuotaExceeded(quota=match[1], max=most, used=used, requested=requested)
    return QuotaExceeded() if re.search(r"(?i)(limit|quota).*exceeded", text) else None


def _swift(text: str) -> QuotaExceeded | None:
    # "Upload exceeds quota.": the container's, or the account's.
    return QuotaExceeded() if "exceeds quota" in text else None
