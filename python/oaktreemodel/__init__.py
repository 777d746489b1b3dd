"""Clouds through an oaktree: the same calls for every OpenStack cloud.

    with oaktreemodel.connect("localhost:50051") as client:
        cloud = client.cloud("modern", region="east")
        server = cloud.servers.create(name="web", image="cirros", flavor="m1.tiny")
        server = cloud.servers.wait(server.id, timeout=300)

`oaktreemodel.aio` is the same for asyncio; `oaktreemodel.v1` holds the messages.
"""

from oaktreemodel._client import Client, connect
from oaktreemodel._directories import download_directory, upload_directory
from oaktreemodel._outcome import DirectoryResult, FileFailure, FileStep
from oaktreemodel._progress import Progress
from oaktreemodel._version import __version__
from oaktreemodel._watch import Event, EventKind, Key, Mirror, Watchable
from oaktreemodel.errors import (
    AlreadyExists,
    Ambiguous,
    Cancelled,
    Conflict,
    DataLoss,
    DeadlineExceeded,
    Failed,
    Internal,
    InvalidArgument,
    NotFound,
    OaktreeError,
    PartialFailure,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from oaktreemodel.v1 import Filter, Location, State
from oaktreemodel.v1.scope_sync import Scope

__all__ = [
    "AlreadyExists",
    "Ambiguous",
    "Cancelled",
    "Client",
    "Conflict",
    "DataLoss",
    "DeadlineExceeded",
    "DirectoryResult",
    "Event",
    "EventKind",
    "Failed",
    "FileFailure",
    "FileStep",
    "Filter",
    "Internal",
    "InvalidArgument",
    "Key",
    "Location",
    "Mirror",
    "NotFound",
    "OaktreeError",
    "PartialFailure",
    "PermissionDenied",
    "Progress",
    "QuotaExceeded",
    "RateLimited",
    "ResourceExhausted",
    "Scope",
    "State",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Watchable",
    "__version__",
    "connect",
    "download_directory",
    "upload_directory",
]
