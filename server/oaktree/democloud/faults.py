"""Faults that an admin plants: which requests they hit, and what then happens."""

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

Kind = Literal[
    "delay",  # `seconds` late, then served, if the client is still there
    "status",  # an error with `status`, in the service's own JSON; nothing happens
    "broken_json",  # served, but the body ends in the middle of a value
    "empty_list",  # served, but what should be listed is not: a cell that is down, say
    "cut",  # the connection is closed before a single byte of an answer, `after_bytes` of the body
    "cut_body",  # headers and half of the body, or `after_bytes`, then the connection is closed
    "killed",  # as cut, and the service's process is dead: nothing that was begun is put right
    "stall",  # as cut_body or cut, but the connection stays: no more comes, or no more is taken
    "slow",  # served, with `bytes_per_second` of a body that comes or goes in pieces
    "short",  # a body that ends in the middle, or after `after_bytes`, and whose length says so
    "wrong_bytes",  # one bit of the body is another: in the middle, or at `after_bytes`
    "wrong_etag",  # an object or image is stored as it came, its checksum is said to be another
    "silent",  # accepted and never answered
    "late",  # `seconds` late, then served, whether or not the client is still there
    "expired_token",  # 401, and the token is gone
    "lost_answer",  # takes effect, then the connection is closed without an answer
    "server_error",  # POST /servers is accepted, and the build ends in ERROR
    "volume_error",  # POST /volumes is accepted, and the volume ends in error
]
# Those that spoil a body on its way.
BODIES: tuple[Kind, ...] = ("cut_body", "stall", "slow", "short", "wrong_bytes")
# The path of what services answer of their versions: hit only by a fault that names it.
VERSIONS = "(versions)"


@dataclass(slots=True)
class Fault:
    """Hits requests that match every one of service, method, path and region that is given.

    path is the route's template, a real path below the service, or VERSIONS. times is how many
    requests are hit (None: all until cleared), after `skip` that are let through. seconds is the
    delay. after_bytes counts the bytes of the answer's body, or where a request brings bytes that
    are kept (an image's, an object's), of that.
    """

    kind: Kind
    service: str | None = None
    method: str | None = None
    path: str | None = None
    region: str | None = None
    times: int | None = 1
    skip: int = 0
    status: int = 500
    seconds: float = 0.0
    retry_after: int | str | None = None
    message: str = ""
    after_bytes: int | None = None
    bytes_per_second: int = 1_000_000

    @classmethod
    def parse(cls, values: dict[str, Any]) -> "Fault":
        """Raises ValueError where a name or a kind is unknown."""
        unknown = values.keys() - {known.name for known in fields(cls)}
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        if values.get("kind") not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}")
        return cls(**values)

    def hits(self, service: str, method: str, template: str, path: str, region: str | None) -> bool:
        return (
            self.service in (None, service)
            and self.method in (None, method)
            and (self.path in (template, path) or (self.path is None and path != VERSIONS))
            and self.region in (None, region)
        )


class Faults:
    def __init__(self) -> None:
        self.planted: list[Fault] = []

    def take(
        self, service: str, method: str, template: str, path: str, region: str | None
    ) -> Fault | None:
        """The first fault that hits this request, used up once."""
        for fault in self.planted:
            if not fault.hits(service, method, template, path, region):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
                if not fault.times:
                    self.planted.remove(fault)
            return fault
        return None


def lie(fault: Fault | None, digest: str) -> str:
    """A checksum, or where the fault is that it is wrong, another."""
    if fault is None or fault.kind != "wrong_etag":
        return digest
    return digest.translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))
