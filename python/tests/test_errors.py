"""From statuses to errors."""

from __future__ import annotations

import datetime
import inspect
import pickle
import re
from typing import Any

import grpc
import oaktreemodel
import oaktreemodel.errors
import pytest
from fake import Oaktree, failure, status
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from oaktreemodel import v1

C = grpc.StatusCode


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (status(C.INVALID_ARGUMENT, "INVALID_ARGUMENT"), oaktreemodel.InvalidArgument),
        (status(C.INVALID_ARGUMENT, "NAME_AMBIGUOUS"), oaktreemodel.Ambiguous),
        (status(C.INVALID_ARGUMENT, "CHOICE_NEEDED"), oaktreemodel.Ambiguous),
        (status(C.NOT_FOUND, "NOT_FOUND"), oaktreemodel.NotFound),
        (status(C.ALREADY_EXISTS, "REQUEST_ID_REUSED"), oaktreemodel.AlreadyExists),
        (status(C.PERMISSION_DENIED, "POLICY_FORBIDS"), oaktreemodel.PermissionDenied),
        (status(C.UNAUTHENTICATED, "UNAUTHENTICATED"), oaktreemodel.Unauthenticated),
        (status(C.FAILED_PRECONDITION, "CONFLICT"), oaktreemodel.Failed),
        (status(C.ABORTED, "REVISION_MISMATCH"), oaktreemodel.Conflict),
        (status(C.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED"), oaktreemodel.QuotaExceeded),
        (status(C.RESOURCE_EXHAUSTED, "RATE_LIMITED"), oaktreemodel.RateLimited),
        (status(C.RESOURCE_EXHAUSTED), oaktreemodel.ResourceExhausted),
        (status(C.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"), oaktreemodel.DeadlineExceeded),
        (status(C.UNIMPLEMENTED, "UNKNOWN_FIELD"), oaktreemodel.Unimplemented),
        (status(C.CANCELLED), oaktreemodel.Cancelled),
        (status(C.INTERNAL, "INTERNAL"), oaktreemodel.Internal),
        (status(C.UNKNOWN), oaktreemodel.Internal),
        (status(C.DATA_LOSS, "BYTES_DIFFER"), oaktreemodel.DataLoss),
        (status(C.OUT_OF_RANGE, "A_REASON_FROM_THE_FUTURE"), oaktreemodel.InvalidArgument),
    ],
)
def test_classes(client: Any, oaktree: Oaktree, made: Status, kind: type[Exception]) -> None:
    oaktree.answer("DeleteServer", made)
    with pytest.raises(oaktreemodel.OaktreeError) as caught:
        client.servers.delete("web")
    error = caught.value
    assert type(error) is kind
    assert error.code.value[0] == made.code
    assert error.message.partition(";")[0] == "it broke"
    assert isinstance(error.__cause__, grpc.RpcError)
    assert error.request_id == oaktree.only_call("DeleteServer").request.request_id


def test_place_and_text(client: Any, oaktree: Oaktree) -> None:
    metadata = {"cloud": "one", "region": "r", "service": "compute", "cloud_request_id": "req-1"}
    oaktree.answer(
        "GetServer", status(C.NOT_FOUND, "NOT_FOUND", message="no server 'web'", **metadata)
    )
    with pytest.raises(oaktreemodel.NotFound) as caught:
        client.servers.get("web")
    error = caught.value
    assert (error.cloud, error.region, error.reason) == ("one", "r", "NOT_FOUND")
    assert error.metadata == metadata
    assert str(error) == "no server 'web' (NOT_FOUND, in one/r)"
    assert error.request_id == ""


def test_quota(client: Any, oaktree: Oaktree) -> None:
    detail = v1.QuotaExceeded(quota="cores", used=19, max=20)
    oaktree.answer("CreateServer", status(C.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", detail))
    with pytest.raises(oaktreemodel.QuotaExceeded) as caught:
        client.servers.create(name="web")
    error = caught.value
    assert (error.quota, error.used, error.max, error.requested) == ("cores", 19, 20, None)


def test_rate_limit(client: Any, oaktree: Oaktree) -> None:
    detail = RetryInfo(retry_delay=Duration(seconds=30))
    oaktree.answer("GetServer", status(C.RESOURCE_EXHAUSTED, "RATE_LIMITED", detail))
    with pytest.raises(oaktreemodel.RateLimited) as caught:
        client.servers.get("web")
    assert caught.value.retry_after == datetime.timedelta(seconds=30)


def test_fields(client: Any, oaktree: Oaktree) -> None:
    detail = BadRequest(
        field_violations=[BadRequest.FieldViolation(field="image", description="is missing")]
    )
    oaktree.answer("CreateServer", status(C.INVALID_ARGUMENT, "INVALID_ARGUMENT", detail))
    with pytest.raises(oaktreemodel.InvalidArgument) as caught:
        client.servers.create(name="web")
    assert caught.value.fields == {"image": "is missing"}


def test_details_that_cannot_be_read_hide_nothing(client: Any, oaktree: Oaktree) -> None:
    def broken(request: Any, context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff"),))
        context.abort(C.NOT_FOUND, "no such thing")

    oaktree.answer("GetServer", broken)
    with pytest.raises(oaktreemodel.NotFound, match="no such thing"):
        client.servers.get("web")


def test_errors_can_be_pickled() -> None:
    detail = v1.QuotaExceeded(quota="cores", used=19)
    error = oaktreemodel.QuotaExceeded("full", code=C.RESOURCE_EXHAUSTED, details=[detail])
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.used, copy.code) == (
        oaktreemodel.QuotaExceeded,
        "full",
        19,
        C.RESOURCE_EXHAUSTED,
    )
    partial = pickle.loads(pickle.dumps(oaktreemodel.PartialFailure([error])))
    assert str(partial.failures[0]) == "full"


def test_the_hierarchy_is_drawn() -> None:
    errors = oaktreemodel.errors
    kinds = {
        name: kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, errors.OaktreeError)
    }
    stack: list[tuple[int, str]] = []
    drawn = {}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"^(    [ │├└─]*)([A-Z]\w+)", line):
            depth, name = len(match[1]), match[2]
            stack = [one for one in stack if one[0] < depth]
            drawn[name] = stack[-1][1] if stack else "Exception"
            stack.append((depth, name))
    assert drawn == {name: kind.__bases__[0].__name__ for name, kind in kinds.items()}
    assert set(kinds) <= set(oaktreemodel.__all__)


def test_failure_of_a_place_knows_its_place() -> None:
    from oaktreemodel._failures import Failures

    kept = Failures(None)
    kept.add([failure("one", status(C.UNAVAILABLE, "CLOUD_UNREACHABLE", region="r"))])
    with pytest.raises(oaktreemodel.PartialFailure) as caught:
        kept.finish()
    (error,) = caught.value.failures
    assert (error.cloud, error.region) == ("one", "r")
