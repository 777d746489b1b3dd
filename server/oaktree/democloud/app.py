"""A cloud as an ASGI application: one request from its first byte to its last."""

import asyncio
import inspect
import re
from uuid import uuid4

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

from . import admin, cinder, discovery, glance, keystone, neutron, nova
from .cloud import Cloud
from .core import ApiError, Call, Reply, Route, Service, no_route
from .faults import VERSIONS, Fault
from .keystone.service import check
from .microversions import negotiate

SERVICES: dict[str, Service] = {
    "identity": keystone.SERVICE,
    "compute": nova.SERVICE,
    "network": neutron.SERVICE,
    "image": glance.SERVICE,
    "volume": cinder.SERVICE,
}
# Larger bodies are worth a look at whether the client is still there to read them.
LARGE = 64 * 1024


class CutConnection(Exception):
    """No answer: the connection goes."""


class Application:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        if request.url.path.startswith("/_admin/"):
            await _send(send, *await admin.answer(self.cloud, request))
            return
        calls = self.cloud.calls
        calls.enter()
        try:
            await self._serve(request, send)
        except ClientDisconnect:
            calls.cut += not self.stopping
        except CutConnection:
            scope["state"]["transport"].abort()
            # The server would answer 500 to the application's return while it thinks there is
            # somebody to read it.
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            calls.leave()

    async def _serve(self, request: Request, send: Send) -> None:
        call = self._call(request)
        service = call.service
        headers = dict.fromkeys(service.request_id_headers, call.request_id)
        fault = None
        try:
            reply = discovery.answer(call, call.full_path)
            route = None if reply else self._route(call)
            if reply:
                template = call.path = VERSIONS
                self.cloud.calls.kinds[f"{call.method} {service.name} {VERSIONS}"] += 1
            else:
                template = route.template if isinstance(route, Route) else ""
            fault = call.fault = self.cloud.faults.take(
                service.name, call.method, template, call.path, _region_name(call)
            )
            if fault:
                await _before(fault, call, request)
            if route is not None:
                reply = await self._answer(call, route, request, headers)
            assert reply is not None
            status, body = reply.status, reply.body
            headers.update(reply.headers)
            if body is None:
                body = b""
            elif not isinstance(body, bytes):
                body = orjson.dumps(body)
            if body:
                headers.setdefault("content-type", "application/json")
        except ApiError as error:
            status = error.status
            body, content_type = service.error(error)
            headers |= {"content-type": content_type, **error.headers}
        if fault:
            if fault.kind == "lost_answer":
                raise CutConnection
            if fault.kind == "broken_json":
                body = body[: max(1, len(body) // 2)]
            if fault.kind == "empty_list":
                listed = orjson.loads(body)
                body = orjson.dumps({key: [] for key in listed if isinstance(listed[key], list)})
            if fault.kind == "cut_body":
                await _send_half(send, status, body, headers)
                return
        await self._finish(request, send, status, body, headers)

    def _call(self, request: Request) -> Call:
        first, _, rest = request.url.path.lstrip("/").partition("/")
        region = None
        if first in self.cloud.regions:
            region = self.cloud.regions[first]
            first, _, rest = rest.partition("/")
        service = SERVICES.get(first)
        if service is None or (region is None) != (service is keystone.SERVICE):
            service, rest = keystone.SERVICE, "nowhere"
        where = f"/{region.name}/{first}" if region else f"/{first}"
        call = Call(
            cloud=self.cloud,
            service=service,
            method=request.method,
            path="",
            headers=request.headers,
            query=request.query_params,
            base=self.cloud.address + where,
            full_path="/" + rest,
            request_id=f"req-{uuid4()}",
            stream=request.stream,
        )
        call._region = region
        return call

    def _route(self, call: Call) -> Route | ApiError:
        """The call's route, counted; or the error that answers it once the token is known good."""
        service = call.service
        prefix = re.match(service.prefix(self.cloud), call.full_path)
        call.path = call.full_path[prefix.end() :] if prefix else call.full_path
        kinds = self.cloud.calls.kinds
        try:
            if prefix is None:
                raise no_route()
            # A trailing slash and the format's ending (Neutron) are as good as none.
            path = call.path.removesuffix(".json").rstrip("/") or "/"
            route, call.args = service.find(call.method, path)
        except ApiError as error:
            kinds[f"{call.method} {service.name} (unknown)"] += 1
            return error
        kinds[f"{call.method} {service.name} {route.template}"] += 1
        return route

    async def _answer(
        self, call: Call, route: Route | ApiError, request: Request, headers: dict[str, str]
    ) -> Reply:
        if isinstance(route, ApiError) or not route.open:
            call._token = check(call)
        if isinstance(route, ApiError):
            raise route
        call.version = negotiate(call, headers)
        if not route.raw:
            raw = await request.body()
            if raw:
                try:
                    call.body = orjson.loads(raw)
                except orjson.JSONDecodeError:
                    raise ApiError(400, "Malformed request body") from None
        reply = route.handler(call)
        return await reply if inspect.isawaitable(reply) else reply

    async def _finish(
        self, request: Request, send: Send, status: int, body: bytes, headers: dict[str, str]
    ) -> None:
        await _send(send, status, body, headers, more=len(body) > LARGE)
        if len(body) > LARGE:
            if await request.is_disconnected():
                raise ClientDisconnect
            await send({"type": "http.response.body", "body": b""})


def _region_name(call: Call) -> str | None:
    return call._region.name if call._region else None


async def _before(fault: Fault, call: Call, request: Request) -> None:
    """What a fault does before anything took effect."""
    if fault.kind == "delay":
        await _pause(fault.seconds, request)
    elif fault.kind == "late":
        await request.body()
        await asyncio.sleep(fault.seconds)
    elif fault.kind == "silent":
        await _pause(None, request)
    elif fault.kind == "cut":
        raise CutConnection
    elif fault.kind == "status":
        retry = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
        message = fault.message or f"The server answers {fault.status} as it was told to."
        raise ApiError(fault.status, message, headers=retry)
    elif fault.kind == "expired_token":
        call.cloud.tokens.pop(call.headers.get("x-auth-token", ""), None)


async def _pause(seconds: float | None, request: Request) -> None:
    """Wait, for ever where seconds is None. Raises ClientDisconnect when the client goes first."""
    # The body comes first: behind it, the next message can only be that the client went.
    await request.body()
    gone = asyncio.ensure_future(_gone(request.receive))
    try:
        done, _ = await asyncio.wait({gone}, timeout=seconds)
    finally:
        gone.cancel()
    if done:
        raise ClientDisconnect


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(
    send: Send, status: int, body: bytes, headers: dict[str, str], *, more: bool = False
) -> None:
    if status != 204:
        headers["content-length"] = str(len(body))
    start: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _send_half(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    """The server closes the connection of an application that returns before it has sent all."""
    length = str(len(body))
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                *((k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()),
                (b"content-length", length.encode()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
