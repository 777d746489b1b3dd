"""What a ticket is good for, and what may become of its use."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from oaktreemodel.v1.transfer_pb2 import Ticket, TicketAuth

LOCAL = ("localhost", "127.0.0.1", "::1")


class Unreachable(Exception):
    """The cloud cannot be reached from here; it has been sent nothing."""


class Broken(Exception):
    """The connection to the cloud broke, or the cloud answered otherwise than was expected.

    Attributes:
        status: The HTTP status; 0 for none.
    """

    def __init__(self, status: int = 0) -> None:
        super().__init__(f"HTTP status {status}" if status else "the connection broke")
        self.status = status


def url_of(ticket: Ticket, name: str) -> str:
    """Where the thing of that name is."""
    if not ticket.url_end:
        return ticket.url
    # Of . and .. all that stands between would do away with the step before.
    steps = (
        step.replace(".", "%2E") if step in (".", "..") else quote(step, safe="")
        for step in name.split("/")
    )
    return f"{ticket.url}{'/'.join(steps)}{ticket.url_end}"


def usable(ticket: Ticket, token: str, is_secure: bool) -> dict[str, str] | None:
    """The headers to add so that the ticket is good; None if it is none for this caller.

    His token goes nowhere without TLS, unless it stays on this machine; nor does what oaktree told
    him by TLS, which `is_secure` says.
    """
    where = urlsplit(ticket.url)
    is_clear = where.scheme != "https" and where.hostname not in LOCAL
    if ticket.auth != TicketAuth.TICKET_AUTH_CALLER_TOKEN:
        return None if is_clear and is_secure else {}
    return {"X-Auth-Token": token} if token and not is_clear else None
