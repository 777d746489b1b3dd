"""A cloud as an ASGI application: one request from its first byte to its last."""

import asyncio
import inspect
import re
from urllib.parse import unquote
from uuid import uuid4

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from . import admin, cinder, discovery, glance, keystone, neutron, nova, swift
from .cloud import Cloud
from .core import ApiError, Call, CutConnection, Reply, Route, Service, Stream, no_route
from .faults import BODIES, VERSIONS, Fault
from .keystone.service import check
from .microversions import negotiate
from .sending import LARGE, gone, received, send_stream, send_whole

SERVICES: dict[str, Service] = {
    "identity": keystone.SERVICE,
    "compute": nova.SERVICE,
    "network": neutron.SERVICE,
    "image": glance.SERVICE,
    "volume": cinder.SERVICE,
    "object-store": swift.SERVICE,
}


class Application:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        if scope["path"].startswith("/_admin/"):
            await send_whole(send, *await admin.answer(self.cloud, request))
            return
        calls = self.cloud.calls
        calls.enter(request.headers.get("user-agent", ""))
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
                takes_bytes = isinstance(route, Route) and route.raw and call.method != "GET"
                await _before(fault, call, request, takes_bytes)
            if route is not None:
                reply = await self._answer(call, route, request, headers)
            assert reply is not None
            status, body = reply.status, reply.body
            headers.update(reply.headers)
            if body is None:
                body = b""
            elif not isinstance(body, bytes | Stream):
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
            if isinstance(body, bytes):
                body = _spoilt(fault, body)
        if isinstance(body, Stream):
            await send_stream(request, send, status, body, headers, fault)
        else:
            await self._finish(request, send, status, body, headers)

    def _call(self, request: Request) -> Call:
        # As it came: some services take an escaped slash, or two dots, for a part of a name.
        path: str = request.scope["raw_path"].decode("latin-1")
        first, _, rest = path.lstrip("/").partition("/")
        region = None
        if first in self.cloud.regions:
            region = self.cloud.regions[first]
            first, _, rest = rest.partition("/")
        service = SERVICES.get(first)
        absent = service is swift.SERVICE and not self.cloud.profile.object_store
        if service is None or absent or (region is None) != (service is keystone.SERVICE):
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
            full_path="/" + unquote(rest, errors="surrogateescape"),
            request_id=f"req-{uuid4()}",
            address=request.client.host if request.client else "",
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
            route, call.args = service.find(call.method, call.path)
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
        await send_whole(send, status, body, headers, more=len(body) > LARGE)
        if len(body) > LARGE:
            if await request.is_disconnected():
                raise ClientDisconnect
            await send({"type": "http.response.body", "body": b""})


def _region_name(call: Call) -> str | None:
    return call._region.name if call._region else None


def _spoilt(fault: Fault, body: bytes) -> bytes | Stream:
    if fault.kind == "broken_json":
        return body[: max(1, len(body) // 2)]
    if fault.kind == "empty_list":
        listed = orjson.loads(body)
        if isinstance(listed, list):
            return b"[]"
        return orjson.dumps({key: [] for key in listed if isinstance(listed[key], list)})
    return Stream(len(body), iter([body])) if fault.kind in BODIES else body


async def _before(fault: Fault, call: Call, request: Request, takes_bytes: bool) -> None:
    """What a fault does before anything took effect."""
    call.stream = received(fault, request)
    if fault.kind == "delay":
        await _pause(fault.seconds, request)
    elif fault.kind == "late":
        await request.body()
        await asyncio.sleep(fault.seconds)
    elif fault.kind == "silent":
        await _pause(None, request)
    elif fault.kind == "killed" and takes_bytes:
        # Its process dies over the body, and not before it has begun with it.
        return
    elif fault.kind in ("cut", "killed") and not (takes_bytes and fault.after_bytes):
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
    leaving = asyncio.ensure_future(gone(request.receive))
    try:
        done, _ = await asyncio.wait({leaving}, timeout=seconds)
    finally:
        leaving.cancel()
    if done:
        raise ClientDisconnect
