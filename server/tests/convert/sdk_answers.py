"""What openstacksdk makes of an item, by its own `list`: no cloud, everything else its own."""

from __future__ import annotations

import json
from typing import Any

import requests
from keystoneauth1 import adapter, session
from oaktree.row import Item, Row
from openstack import resource


class _Canned(adapter.Adapter):
    """An adapter whose every GET is answered with the same."""

    def __init__(self, answer: Any) -> None:
        super().__init__(session.Session())
        self._answer = answer

    def get(self, *args: Any, **kwargs: Any) -> requests.Response:
        response = requests.Response()
        response.status_code = 200
        response.headers["Content-Type"] = "application/json"
        response._content = json.dumps(self._answer).encode()
        return response

    def _get_connection(self) -> None:
        return None


def sdk_answer(row: Row, item: Item) -> resource.Resource:
    wrapped = {row.item_key: item} if row.wrapped else item
    canned = _Canned({row.key: [wrapped]} if row.key else [wrapped])
    # Microversions only decide what is asked, and the answer is here already.
    listed = row.sdk.list(canned, paginated=False, microversion="2.1")
    return next(iter(listed))
