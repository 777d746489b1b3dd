"""What twenty users do to one oaktree at once, and what each of them must be told."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
from oaktree.models import message_class
from oaktreemodel.v1.server_pb2 import ListServersResponse
from oaktreemodel.v1.watch_pb2 import WatchMark

from .asking import RPCS, Asking, Code, texts
from .tenants import CLOUD, EAST, KINDS, SERVER, WEST, Kind, Tenant
from .told import until

# Older than anything that is kept, in seconds.
LONG = 600


class Load(Asking):
    """All callers at once, and what each of them must be told."""

    def __init__(self, *how: Any) -> None:
        super().__init__(*how)
        self.ways = dict(WAYS)
        # Who has made what, by its id.
        self.makers: dict[str, str] = {}

    # What is there from the start.

    async def seed(self) -> None:
        await asyncio.gather(*map(self.renew, self.everybody))
        made: dict[tuple[str, str], str] = {}
        for tenant in self.everybody:
            for kind in KINDS:
                owner = tenant.owner(kind)
                if (owner, kind.noun) not in made and tenant.may_change:
                    told = await self.ask(
                        tenant, f"Create{kind.noun}", kind.create(owner), own=True
                    )
                    made[owner, kind.noun] = _id(kind, told)
        for tenant in self.everybody:
            tenant.own = {
                kind.noun: made[tenant.owner(kind), kind.noun]
                for kind in KINDS
                if (tenant.owner(kind), kind.noun) in made
            }
        servers = {tenant.project: tenant.own["Server"] for tenant in self.everybody}
        ids = list(servers.values())
        west = dict(zip(servers, ids[1:] + ids[:1], strict=True))
        for tenant in self.everybody:
            tenant.west = west[tenant.project]
        await asyncio.to_thread(self._seed_west, west)

    def _seed_west(self, servers: dict[str, str]) -> None:
        """In the other region each project has a server of the id that here is the next one's."""
        for project, identifier in servers.items():
            (like,) = self.demo.add_servers(CLOUD, "west", 1, project=project)
            values = {"name": "web", "metadata": {"owner": project}}
            self.demo.add(CLOUD, "west", "servers", like=like, id=identifier, **values)
            self.demo.remove(CLOUD, "west", "servers", like)

    # What callers do.

    async def live(self, tenant: Tenant, calls: int) -> None:
        """One caller's calls, until there were as many in all."""
        dice = random.Random(self.dice.random())
        ways, weights = list(self.ways), list(self.ways.values())
        while not self.reached(calls):
            (way,) = dice.choices(ways, weights)
            await way(self, tenant, dice.choice(KINDS), dice)

    async def get(self, tenant: Tenant, kind: Kind, dice: random.Random) -> None:
        # Of keypairs a list tells less, so that each is asked for.
        if kind.noun not in tenant.own or (kind.is_personal and dice.random() < 0.95):
            return
        request = kind.request("Get", name_or_id=tenant.own[kind.noun])
        request.max_age.seconds = LONG
        told = await self.ask(tenant, f"Get{kind.noun}", request, own=tenant.sees(kind))
        self.expect(tenant, kind, told)

    async def get_by_name(self, tenant: Tenant, kind: Kind, dice: random.Random) -> None:
        """Of two of one name nobody can say which is meant."""
        request = kind.request("Get", name_or_id=kind.new.get("name", "none"))
        request.max_age.seconds = LONG
        await self.ask(tenant, f"Get{kind.noun}", request)

    async def list(self, tenant: Tenant, kind: Kind, dice: random.Random) -> None:
        request = kind.request("List")
        request.max_age.seconds = LONG
        told = await self.ask(tenant, f"List{kind.noun}s", request, own=tenant.sees(kind))
        self.expect(tenant, kind, told)

    async def list_anew(self, tenant: Tenant, kind: Kind, dice: random.Random) -> None:
        request = kind.request("List")
        request.max_age.seconds = 0
        told = await self.ask(tenant, f"List{kind.noun}s", request, own=tenant.sees(kind))
        self.expect(tenant, kind, told)

    async def list_everywhere(self, tenant: Tenant, kind: Kind, dice: random.Random) -> None:
        """Also what is other projects', where that can be asked for."""
        request = kind.request("List")
        request.location.Clear()
        request.max_age.seconds = LONG
        if "all_projects" in request.DESCRIPTOR.fields_by_name:
            request.all_projects = dice.random() < 0.5
        await self.ask(tenant, f"List{kind.noun}s", request)

    async def filter(self, tenant: Tenant, kind: Kind, dice: random.Random) -> None:
        request = kind.request("List")
        request.max_age.seconds = LONG
        request.where.add(path=["name"], values=[kind.new.get("name", "")])
        await self.ask(tenant, f"List{kind.noun}s", request, own=tenant.sees(kind))

    async def pry(self, tenant: Tenant, kind: Kind, dice: random.Random) -> None:
        """Asks for what is another's, by its id."""
        other = dice.choice(self.everybody)
        thing = other.own.get(kind.noun)
        if other.owner(kind) == tenant.owner(kind) or thing is None or kind.is_personal:
            return
        verbs = ["Get", "Delete"] + ["Update"] * kind.is_updated
        verbs += ["Wait"] * (f"Wait{kind.noun}" in RPCS)
        verb = dice.choice(verbs)
        await self.ask(
            tenant, f"{verb}{kind.noun}", kind.request(verb, name_or_id=thing), own=False
        )

    async def pretend(self, tenant: Tenant, kind: Kind, dice: random.Random) -> None:
        """Names another's project as its own."""
        other = dice.choice(self.everybody)
        if other.project == tenant.project:
            return
        request = kind.request("List")
        if dice.random() < 0.5:
            request.location.project.name = other.project
        else:
            request.location.project.id = self.demo.project_id(CLOUD, other.project)
        await self.ask(tenant, f"List{kind.noun}s", request, own=False)

    async def same_id(self, tenant: Tenant, kind: Kind, dice: random.Random) -> None:
        """Asks for its own server in the other region, which here is the id of another's."""
        here = dice.random() < 0.05
        request = SERVER.request("Get", EAST if here else WEST, name_or_id=tenant.west)
        request.max_age.seconds = LONG
        await self.ask(tenant, "GetServer", request, own=not here)

    async def limits(self, tenant: Tenant, kind: Kind, dice: random.Random) -> None:
        await self.ask(tenant, "GetLimits", message_class("GetLimitsRequest")(location=EAST))

    async def create(self, tenant: Tenant, kind: Kind, dice: random.Random) -> None:
        """With a request id that others use for theirs."""
        name = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind.noun} {dice.randrange(2)}"))
        if kind.is_personal:
            return
        request = kind.create(tenant.owner(kind), request_id=name)
        told = await self.ask(
            tenant, f"Create{kind.noun}", request, own=None if tenant.may_change else False
        )
        if told:
            thing = _id(kind, told)
            if self.makers.setdefault(thing, tenant.user) != tenant.user:
                self.wrong.append(f"{tenant}: Create{kind.noun} gave what another has made")
            if (kind, thing) not in tenant.made:
                tenant.made.append((kind, thing))

    async def update(self, tenant: Tenant, kind: Kind, dice: random.Random) -> None:
        if not kind.is_updated or kind.label != "description":
            return
        request = kind.request("Update", name_or_id=tenant.own[kind.noun])
        request.description = f"{tenant.owner(kind)} {dice.random()}"
        told = await self.ask(tenant, f"Update{kind.noun}", request, own=tenant.may_change)
        self.expect(tenant, kind, told)

    async def delete(self, tenant: Tenant, kind: Kind, dice: random.Random) -> None:
        if tenant.made:
            kind, thing = tenant.made.pop(dice.randrange(len(tenant.made)))
            await self.ask(tenant, f"Delete{kind.noun}", kind.request("Delete", name_or_id=thing))

    async def wait(self, tenant: Tenant, kind: Kind, dice: random.Random) -> None:
        request = SERVER.request("Wait", name_or_id=tenant.own["Server"])
        self.expect(tenant, SERVER, await self.ask(tenant, "WaitServer", request, own=True))

    async def watch(self, tenant: Tenant, kind: Kind, dice: random.Random) -> None:
        if kind.is_watched and tenant.sees(kind):
            told = await self.ask(tenant, f"Watch{kind.noun}s", kind.request("Watch"), own=True)
            self.expect(tenant, kind, told)

    def expect(self, tenant: Tenant, kind: Kind, told: bytes) -> None:
        """What a caller is told of its own has what is there from the start."""
        thing = tenant.own.get(kind.noun)
        if told and thing is not None and thing.encode() not in told:
            self.wrong.append(f"{tenant}: its own {kind.noun} {thing} is missing")

    # What happens meanwhile.

    async def follow(self, tenant: Tenant, seen: dict[str, Any]) -> None:
        """Watches its servers all the time, through every end of a token and of the oaktree."""
        name = "WatchServers"
        while True:
            shown = tenant.metadata
            call = self.begin(tenant, name, SERVER.request("Watch").SerializeToString())
            try:
                async for data in call:
                    self.check(tenant, name, Code.OK, [data])
                    _fold(seen, data)
            except grpc.aio.AioRpcError as error:
                self.check(tenant, name, error.code(), texts(error))
                if error.code() == Code.UNAUTHENTICATED:
                    await self.renew(tenant, shown)
            await asyncio.sleep(0.1)

    async def disturb(self, calls: int, restarts: int) -> None:
        """Ends tokens in every way, and the oaktree itself."""
        begun, times = self.calls, 10 * (restarts + 1)
        for number in range(1, times):
            await until(partial(self.reached, begun + number * (calls - begun) // times))
            tenant = self.dice.choice(self.everybody)
            if number % 10 == 0:
                await asyncio.to_thread(self.deployed.restart, 1.0)
            elif number % 3 == 0:
                await asyncio.to_thread(self.demo.revoke_tokens, CLOUD, tenant.user)
            elif number % 3 == 1:
                await self.renew(tenant)
            else:
                await asyncio.to_thread(self.demo.set, CLOUD, token_seconds=1.0)
                await self.renew(tenant)
                await asyncio.to_thread(self.demo.set, CLOUD, token_seconds=3600.0)

    def reached(self, calls: int) -> bool:
        """Whether there were so many calls, or something was wrong with one."""
        return self.calls >= calls or bool(self.wrong)

    async def run(
        self, calls: int, restarts: int = 0, plant: Callable[[], None] | None = None
    ) -> None:
        """So many calls, or fewer if something is found to be wrong. `plant` is done to an oaktree
        once there is something to see."""
        async with self.connected():
            await self.seed()
            if plant is not None:
                plant()
                await asyncio.to_thread(self.deployed.restart)
            followed: dict[Tenant, dict[str, Any]] = {tenant: {} for tenant in self.everybody}
            following = [
                asyncio.create_task(self.follow(tenant, seen)) for tenant, seen in followed.items()
            ]
            await asyncio.gather(
                self.disturb(calls, restarts),
                *(self.live(tenant, calls) for tenant in self.everybody),
            )
            for tenant, seen in followed.items():
                if not self.wrong:
                    await self._sees_all(tenant)
                    await self._agrees(tenant, seen)
            for task in following:
                assert not task.done(), task.exception()
                task.cancel()
            await asyncio.wait(following)

    async def _sees_all(self, tenant: Tenant) -> None:
        for kind in KINDS:
            if tenant.sees(kind):
                await self.list_anew(tenant, kind, self.dice)

    async def _agrees(self, tenant: Tenant, seen: dict[str, Any]) -> None:
        """What a caller's watch has led to is what there is."""
        listed: set[str] = set()
        for _ in range(600):
            request = SERVER.request("List")
            request.max_age.seconds = 0
            told = await self.ask(tenant, "ListServers", request, own=True)
            listed = {one.id for one in ListServersResponse.FromString(told).servers}
            if listed == seen.keys():
                return
            await asyncio.sleep(0.1)
        self.wrong.append(f"{tenant}: its watch led to {seen.keys()}, and there is {listed}")


# What a caller does, and how often.
WAYS: dict[Callable[..., Any], float] = {
    Load.get: 60,
    Load.list: 26,
    Load.filter: 3,
    Load.pretend: 3,
    Load.same_id: 3,
    Load.list_everywhere: 3,
    Load.get_by_name: 0.4,
    Load.pry: 0.4,
    Load.list_anew: 0.3,
    Load.wait: 0.2,
    Load.watch: 0.2,
    Load.limits: 0.1,
    Load.create: 0.15,
    Load.update: 0.1,
    Load.delete: 0.1,
}


def _id(kind: Kind, told: bytes) -> str:
    response: Any = message_class(f"Create{kind.noun}Response").FromString(told)
    return str(getattr(response, kind.collection.removesuffix("s")).id)


def _fold(seen: dict[str, Any], data: bytes) -> None:
    response: Any = message_class("WatchServersResponse").FromString(data)
    if response.mark == WatchMark.WATCH_MARK_RESET:
        seen.clear()
    for one in response.servers:
        seen[one.id] = one
    for one in response.removals:
        seen.pop(one.id, None)
