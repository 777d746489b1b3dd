"""Tickets for the objects whose names begin alike, which are signed anew when they expire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from oaktreemodel._deadline import Deadline
from oaktreemodel._drive import Driver
from oaktreemodel._ticket import Broken, Unreachable, usable
from oaktreemodel.errors import OaktreeError
from oaktreemodel.v1.storage_object_pb2 import SignStorageObjectsRequest
from oaktreemodel.v1.storage_object_pb2_grpc import StorageObjectServiceStub
from oaktreemodel.v1.transfer_pb2 import Ticket

T = TypeVar("T")

SIGN_TIMEOUT = 60.0
EXPIRED = 401


class Signed:
    """The way straight to the cloud for some objects of one container, where there is one."""

    def __init__(
        self,
        driver: Driver,
        parent: str,
        prefix: str,
        *,
        is_upload: bool,
        deadline: Deadline | None = None,
    ) -> None:
        self._driver = driver
        self._deadline = deadline or Deadline(None)
        self._request = driver.requests._request(
            SignStorageObjectsRequest, parent=parent, prefix=prefix, is_upload=is_upload
        )
        self._ticket: Ticket | None = None
        # Whether all has to go through oaktree.
        self._is_closed = False

    async def find(self) -> Ticket | None:
        """The ticket; None if there is none. Best asked for before many want it at once."""
        return None if self._is_closed else await self._find(None)

    async def use(self, work: Callable[[Ticket, Mapping[str, str]], T]) -> T | None:
        """What the work makes with a ticket and the headers to add, in a thread. None if it has to
        be done through oaktree."""
        expired: Ticket | None = None
        while not self._is_closed:
            ticket = await self._find(expired)
            if ticket is None:
                break
            headers = usable(ticket, await self._driver.token(), self._driver.is_secure)
            if headers is None:
                self._is_closed = True
                break
            try:
                return await self._driver.work(work, ticket, headers)
            except Unreachable:
                self._is_closed = True
            except Broken as error:
                if error.status != EXPIRED or expired is not None:
                    # Of this one only, and oaktree can say why.
                    break
                expired = ticket
        return None

    async def _find(self, expired: Ticket | None) -> Ticket | None:
        if self._ticket is None or self._ticket is expired:
            request = SignStorageObjectsRequest()
            request.CopyFrom(self._request)
            sign = StorageObjectServiceStub(self._driver.channel).SignStorageObjects
            left = self._deadline.shorten(SIGN_TIMEOUT)
            try:
                self._ticket = (await self._driver.unary(sign, request, left)).ticket
            except OaktreeError:
                # Whatever it is: if the way through oaktree fails as well, that says why.
                self._is_closed = True
                return None
        return self._ticket
