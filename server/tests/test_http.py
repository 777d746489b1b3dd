"""What oaktree's requests to a cloud never do, whatever the cloud answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests
from oaktree.budget import Budget
from oaktree.errors import Refused
from oaktree.http import BoundedAdapter


class _Redirects(BaseHTTPRequestHandler):
    """Leads to where the path says."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", self.path[1:])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Redirects) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("location", "away"),
    [
        ("/identity/v3", False),
        ("https://127.0.0.1/identity/v3", False),
        ("http://thief.example/identity/v3", True),
    ],
)
def test_a_redirect_takes_no_token_to_another_host(address: str, location: str, away: bool) -> None:
    with requests.Session() as session:
        session.mount("http://", BoundedAdapter(Budget(), lambda: None))
        headers = {"X-Auth-Token": "secret"}
        if away:
            with pytest.raises(Refused) as caught:
                session.get(address + location, headers=headers, allow_redirects=False)
            assert "thief.example" in str(caught.value)
        else:
            answer = session.get(address + location, headers=headers, allow_redirects=False)
            assert answer.status_code == 302
