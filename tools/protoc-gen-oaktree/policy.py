"""How every language's client calls: which calls are sent again, and how long one may take."""

from __future__ import annotations

import json

from model import Model, Rpc

# Seconds. Streams have none: a list may be long, and a wait is what its caller says.
DEADLINE = 60
# A Create may have to make a volume or find an address first.
CREATE_DEADLINE = 300

# In gRPC's own words, https://github.com/grpc/proposal/blob/master/A6-client-retries.md.
RETRY_POLICY = {
    "maxAttempts": 4,
    "initialBackoff": "0.2s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


def deadline(rpc: Rpc) -> int | None:
    """How many seconds a call gets when its caller does not say; None for no end."""
    if rpc.proto.server_streaming:
        return None
    return CREATE_DEADLINE if rpc.verb == "Create" else DEADLINE


def may_retry(rpc: Rpc) -> bool:
    """Whether sending the call twice does no more than sending it once.

    A Create is known by its request id; another change may have been followed by somebody else's
    before it is sent again. A Download is begun again by the client itself, where it broke off.
    """
    return (rpc.is_read and rpc.verb != "Download") or rpc.verb == "Create"


def service_config(model: Model, *, streams: bool = False) -> str:
    """What gRPC is to do by itself.

    With `streams` it sends streaming calls again, too. Not so in what stands on gRPC's C core: such
    a stream never ends, not even at its deadline, when its server is lost and not back by the last
    attempt. There the client itself sends them again, by the same policy.
    """
    names = [
        {"service": service.full_name, "method": rpc.name}
        for service in model.services
        for rpc in service.rpcs
        if may_retry(rpc) and (streams or not rpc.proto.server_streaming)
    ]
    config = {"methodConfig": [{"name": names, "retryPolicy": RETRY_POLICY}]}
    return json.dumps(config, indent=2) + "\n"
