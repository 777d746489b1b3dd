"""How a caller moves an image's bytes straight to or from the image service. Runs in a place's
threads.

That service knows whole tokens only. A deployer's callers have one that it takes; one's own oaktree
gives its own, and only to who is on the same machine.
"""

from __future__ import annotations

from typing import Any

from oaktreemodel.v1.transfer_pb2 import Ticket, TicketAuth

from oaktree.call import Call
from oaktree.gate import Open
from oaktree.place import Place

_LOCAL = ("ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D", "unix:")


def may_be_given(call: Call) -> bool:
    """Whether the call's peer could use one."""
    return not isinstance(call.gate, Open) or call.peer().startswith(_LOCAL)


def write(
    call: Call, place: Place, method: str, identifier: str, headers: dict[str, str], status: int
) -> Ticket:
    adapter: Any = place.service("image")
    session = adapter.session
    access = session.auth.get_access(session)
    endpoint = str(adapter.get_endpoint()).rstrip("/")
    ticket = Ticket(
        http_method=method,
        url=f"{endpoint}/images/{identifier}/file",
        headers=headers,
        auth=TicketAuth.TICKET_AUTH_CALLER_TOKEN,
        expected_status=status,
    )
    if access.expires is not None:
        ticket.expires_at.FromDatetime(access.expires)
    if isinstance(call.gate, Open):
        ticket.auth = TicketAuth.TICKET_AUTH_EMBEDDED
        ticket.headers["X-Auth-Token"] = access.auth_token
    return ticket
