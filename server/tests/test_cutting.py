"""What becomes of connections that are cut, and of answers that lead nowhere."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from oaktree import http
from oaktree.errors import Refused
from oaktree.http import Reach, retry_after


def reading(*socks: Any) -> Reach:
    """A call that reads from these, in as many threads."""
    reach = Reach()
    reach._reading = {number: SimpleNamespace(sock=sock) for number, sock in enumerate(socks)}  # type: ignore[misc]
    return reach


def test_all_are_cut_whatever_becomes_of_one() -> None:
    pairs = [socket.socketpair() for _ in range(3)]
    closed, *_ = pairs[0]
    closed.close()
    # urllib3's for TLS through a proxy that speaks TLS has a socket, and none of its methods.
    reading(None, closed, SimpleNamespace(socket=pairs[1][0]), pairs[2][0]).cancel()
    for _, peer in pairs:
        peer.settimeout(5)
        assert peer.recv(1) == b""
        peer.close()


def test_an_answer_that_leads_to_no_address() -> None:
    response = requests.Response()
    response.status_code, response.url = 302, "http://127.0.0.1/v3"
    response.headers["Location"] = "http://[x"
    with pytest.raises(Refused, match="no address"):
        http._refuse_leading_away(response)


def test_a_time_that_there_is_not() -> None:
    assert retry_after({"Retry-After": "Fri, 31 Dec 99999 23:59:59 GMT"}) is None
