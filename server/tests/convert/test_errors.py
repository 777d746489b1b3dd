"""What is told when something fails, and what never is."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import grpc
import orjson
import pytest
import requests
from google.rpc import error_details_pb2
from keystoneauth1 import exceptions as ks
from oaktree.errors import Refused, ambiguous, invalid, not_found, rate_limited
from oaktree.translate import translate
from oaktreemodel.v1.error_pb2 import QuotaExceeded, Reason
from openstack import exceptions as sdk

SECRET = "hunter2"
URL = f"http://203.0.113.9:8774/v2.1/servers?token={SECRET}"


def answer(
    status: int, body: str = "", kind: str = "application/json", **headers: str
) -> sdk.HttpException:
    """What openstacksdk raises for an answer."""
    response = requests.Response()
    response.status_code = status
    response.url = URL
    response.reason = "Reason"
    response._content = body.encode()
    response.headers["Content-Type"] = kind
    response.headers["X-Openstack-Request-Id"] = "req-1"
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    with pytest.raises(sdk.HttpException) as raised:
        sdk.raise_from_response(response)
    return raised.value


def nova(code: int, kind: str, message: str) -> str:
    return json.dumps({kind: {"code": code, "message": message}})


def neutron(kind: str, message: str) -> str:
    return json.dumps({"NeutronError": {"type": kind, "message": message, "detail": ""}})


OVER = "VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota 'volumes'."
HTML = "<html><body><h1>413</h1>The limit has been exceeded. Attempted: 9, Maximum: 8</body></html>"

# (what is raised, code, reason, some of the message)
TABLE: list[tuple[BaseException, str, str, str]] = [
    (
        answer(400, nova(400, "badRequest", "Bad name")),
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
        "Bad name",
    ),
    (answer(401), "PERMISSION_DENIED", "POLICY_FORBIDS", "Reason"),
    (
        answer(403, nova(403, "forbidden", "Policy doesn't allow it")),
        "PERMISSION_DENIED",
        "POLICY_FORBIDS",
        "Policy",
    ),
    (
        answer(403, nova(403, "forbidden", "Maximum number of ports exceeded")),
        "RESOURCE_EXHAUSTED",
        "QUOTA_EXCEEDED",
        "ports",
    ),
    (answer(404), "NOT_FOUND", "NOT_FOUND", "Reason"),
    (answer(405), "UNIMPLEMENTED", "NOT_OFFERED", ""),
    (answer(406), "FAILED_PRECONDITION", "NOT_OFFERED", ""),
    (
        answer(409, nova(409, "conflictingRequest", "Instance is locked")),
        "FAILED_PRECONDITION",
        "CONFLICT",
        "locked",
    ),
    (
        answer(409, nova(409, "conflictingRequest", "Key pair 'k' already exists.")),
        "ALREADY_EXISTS",
        "ALREADY_EXISTS",
        "'k'",
    ),
    (
        answer(409, neutron("OverQuota", "Quota exceeded for resources: ['port'].")),
        "RESOURCE_EXHAUSTED",
        "QUOTA_EXCEEDED",
        "port",
    ),
    (
        answer(412, neutron("RevisionNumberConstraintFailed", "Constrained to 7")),
        "ABORTED",
        "REVISION_MISMATCH",
        "7",
    ),
    (
        answer(413, nova(413, "overLimit", OVER), Retry_After="0"),
        "RESOURCE_EXHAUSTED",
        "QUOTA_EXCEEDED",
        "volumes",
    ),
    (
        answer(413, nova(413, "overLimit", "This request was rate-limited."), Retry_After="7"),
        "RESOURCE_EXHAUSTED",
        "RATE_LIMITED",
        "",
    ),
    (answer(413, HTML, "text/html"), "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "limit"),
    (answer(429, Retry_After="3"), "RESOURCE_EXHAUSTED", "RATE_LIMITED", ""),
    (answer(418), "FAILED_PRECONDITION", "CONFLICT", ""),
    (
        answer(500, nova(500, "computeFault", "Unexpected API Error")),
        "UNKNOWN",
        "CLOUD_ERROR",
        "Unexpected",
    ),
    (answer(501), "UNIMPLEMENTED", "NOT_OFFERED", ""),
    (
        answer(502, "<html>Bad Gateway</html>", "text/html"),
        "UNAVAILABLE",
        "CLOUD_ERROR",
        "Bad Gateway",
    ),
    (answer(503), "UNAVAILABLE", "CLOUD_ERROR", ""),
    (answer(504), "UNAVAILABLE", "CLOUD_ERROR", ""),
    (answer(599), "UNKNOWN", "CLOUD_ERROR", ""),
    (ks.Unauthorized(f"for {SECRET}"), "UNAUTHENTICATED", "CREDENTIALS_REFUSED", "clouds.yaml"),
    (ks.EndpointNotFound(SECRET), "FAILED_PRECONDITION", "SERVICE_ABSENT", ""),
    (ks.EmptyCatalog(SECRET), "FAILED_PRECONDITION", "SERVICE_ABSENT", ""),
    (ks.ConnectFailure(URL), "UNAVAILABLE", "CLOUD_UNREACHABLE", "ConnectFailure"),
    (ks.ConnectTimeout(URL), "UNAVAILABLE", "CLOUD_UNREACHABLE", "ConnectTimeout"),
    (ks.DiscoveryFailure(URL), "UNAVAILABLE", "CLOUD_UNREACHABLE", ""),
    (ks.UnknownConnectionError(URL, OSError(SECRET)), "UNAVAILABLE", "CLOUD_UNREACHABLE", ""),
    (requests.ConnectionError(URL), "UNAVAILABLE", "CLOUD_UNREACHABLE", ""),
    (requests.exceptions.ChunkedEncodingError(URL), "UNAVAILABLE", "CLOUD_UNREACHABLE", ""),
    (ks.ServiceUnavailable(URL), "UNAVAILABLE", "CLOUD_ERROR", "503"),
    (ks.NotFound(URL), "NOT_FOUND", "NOT_FOUND", "404"),
    (ks.MissingRequiredOptions([]), "FAILED_PRECONDITION", "CONFIGURATION_INVALID", "clouds.yaml"),
    (sdk.ConfigException(SECRET), "FAILED_PRECONDITION", "CONFIGURATION_INVALID", "clouds.yaml"),
    (sdk.NotSupported("too old for tags"), "FAILED_PRECONDITION", "NOT_OFFERED", "tags"),
    (sdk.InvalidRequest("needs an id"), "INVALID_ARGUMENT", "INVALID_ARGUMENT", "id"),
    (orjson.JSONDecodeError(SECRET, SECRET, 0), "UNKNOWN", "CLOUD_ERROR", "JSON"),
    (TimeoutError(SECRET), "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", ""),
    (not_found("image", "cirros"), "NOT_FOUND", "NOT_FOUND", "'cirros'"),
    (ZeroDivisionError(SECRET), "INTERNAL", "INTERNAL", "log"),
    (KeyError(SECRET), "INTERNAL", "INTERNAL", "log"),
]


def ids(case: Any) -> str:
    return (
        f"{type(case).__name__}-{getattr(case, 'status_code', '')}"
        if isinstance(case, Exception)
        else ""
    )


@pytest.mark.parametrize(("error", "code", "reason", "told"), TABLE, ids=ids)
def test_every_failure_has_its_code_and_reason(
    error: BaseException, code: str, reason: str, told: str
) -> None:
    refused = translate(error)
    status = refused.status()
    assert (refused.code.name, Reason.Name(refused.reason)) == (code, f"REASON_{reason}")
    assert told in refused.message
    assert refused.message
    assert SECRET not in str(status)
    assert "203.0.113.9" not in str(status)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == (reason, "oaktree")
    if isinstance(error, sdk.HttpException):
        assert info.metadata["cloud_request_id"] == "req-1"


def test_a_quota_is_a_detail() -> None:
    status = translate(answer(413, nova(413, "overLimit", OVER))).status()
    exceeded = QuotaExceeded()
    assert status.details[1].Unpack(exceeded)
    assert exceeded == QuotaExceeded(quota="volumes", max=1)


@pytest.mark.parametrize(("header", "seconds"), [("3", 3), ("soon", 1), ("", 1), ("9999999", 1)])
def test_a_rate_limit_says_when_to_come_again(header: str, seconds: int) -> None:
    retry = error_details_pb2.RetryInfo()
    assert translate(answer(429, Retry_After=header)).status().details[1].Unpack(retry)
    assert retry.retry_delay.seconds == seconds


def test_an_argument_that_will_not_do_is_named() -> None:
    bad = error_details_pb2.BadRequest()
    status = invalid("nics[0].fixed_ip", "is no address").status()
    assert status.details[1].Unpack(bad)
    assert [(v.field, v.description) for v in bad.field_violations] == [
        ("nics[0].fixed_ip", "is no address")
    ]


def test_what_an_error_says_itself_of_where_it_happened_wins() -> None:
    refused = not_found("image", "x").at(cloud="a", region="").at(cloud="b", service="image")
    assert refused.metadata == {"cloud": "a", "service": "image"}


def test_two_matches_list_the_candidates() -> None:
    refused = ambiguous("image", "image", "cirros", [f"id-{n:02}" for n in range(30)])
    assert "30 images are named 'cirros'" in refused.message
    assert "id-00, id-01" in refused.message
    assert "id-29" not in refused.message


def test_half_a_letter_is_told_as_none() -> None:
    body = r'{"badRequest": {"message": "bad \ud800 name"}}'
    assert translate(answer(400, body)).status().message == "bad ? name"


def test_breaks_of_a_page_are_no_text() -> None:
    body = '{"title": "Unauthorized", "message": "Bad password, or so.<br /><br />\\n\\n"}'
    assert translate(answer(401, body)).message.endswith("access rules: Bad password, or so.")


LONG: list[Callable[[str], Refused]] = [
    lambda text: Refused(grpc.StatusCode.UNKNOWN, Reason.REASON_CLOUD_ERROR, text),
    lambda text: invalid("where[0].path", text),
    lambda text: invalid(text, "is not known"),
    lambda text: rate_limited(text, 3),
    lambda text: not_found("server", text),
    lambda text: translate(answer(500, nova(500, "computeFault", text))),
    lambda text: translate(answer(403, nova(403, "x", f"Quota exceeded for {text}"))),
    lambda text: translate(answer(409, neutron("OverQuota", f"['{text}']"))),
]


def test_no_error_is_larger_than_a_header_may_be() -> None:
    for make in LONG:
        for letter in ("x", "ж", "🌳", '"'):
            status = make(letter * 100_000).status()
            packed = status.SerializeToString()
            assert sum(len(detail.SerializeToString()) for detail in status.details) <= 4096
            # gRPC sends the message percent-encoded and again, with the details, in base64.
            assert len(quote(status.message)) + len(base64.b64encode(packed)) < 8000
