"""A cloud: what kind it is, its settings, its regions and what they hold."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args
from uuid import NAMESPACE_DNS, uuid4, uuid5

from .calls import Calls
from .content import Arena, Content, Uploads
from .core import Version
from .faults import Faults
from .items import Table

if TYPE_CHECKING:
    from .swift.store import Account

QUOTA = {
    "instances": 20_000,
    "cores": 80_000,
    "ram": 160_000_000,
    "key_pairs": 1_000,
    "metadata_items": 128,
    "server_groups": 10,
    "server_group_members": 10,
    "volumes": 1_000,
    "gigabytes": 100_000,
    "per_volume_gigabytes": -1,
    "snapshots": 1_000,
    "backups": 10,
    "backup_gigabytes": 1_000,
    "network": 100,
    "subnet": 100,
    "port": 25_000,
    "router": 10,
    "floatingip": 1_000,
    "security_group": 100,
    "security_group_rule": 1_000,
    "image_properties": 128,
    "image_tags": 128,
    # MiB, as Glance counts them.
    "image_size_total": 1_000_000,
}


@dataclass(frozen=True)
class Profile:
    """What kind of cloud: the differences that its services look at."""

    name: str
    regions: tuple[str, ...]
    nova: tuple[Version, Version] | None
    """Lowest and highest microversion; None for none at all."""
    cinder: tuple[Version, Version] | None
    floating_ips: bool
    object_store: bool = False
    oauth2: bool = False
    """As Keystone has it since Antelope."""
    old: bool = False
    """As old as Kilo."""


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "modern",
            ("east", "west"),
            ((2, 1), (2, 100)),
            ((3, 0), (3, 71)),
            floating_ips=True,
            object_store=True,
            oauth2=True,
        ),
        Profile("direct", ("RegionOne",), ((2, 1), (2, 79)), ((3, 0), (3, 59)), floating_ips=False),
        Profile("kilo", ("RegionOne",), None, None, floating_ips=True, object_store=True, old=True),
    )
}


@dataclass
class Settings:
    """What an admin may change while the cloud runs. All times are in seconds."""

    build_seconds: float = 0.0
    """From a POST to ACTIVE or available, for servers, volumes and snapshots."""
    delete_seconds: float = 0.0
    """From DELETE to gone, for servers and volumes."""
    address_seconds: float = 0.0
    """How far the `addresses` of a server lag behind its floating IPs."""
    token_seconds: float = 3600.0
    """How long a token made from now on is good."""
    import_seconds: float = 0.0
    """How long an image's import takes, beyond what its bytes take."""
    upload_by_task: bool = False
    """Users bring an image's bytes in as an object that a task imports, and in no other way."""
    uploads: Uploads = "kept"
    """What becomes of bytes that are uploaded, to images and to objects."""
    memory_bytes: int = 1 << 20
    """How much of one content stays in memory; more lies in a file. Fixed at the start."""
    quota: dict[str, int] = field(default_factory=lambda: dict(QUOTA))
    """Per project and region; -1 for no bound."""

    def change(self, values: dict[str, Any]) -> None:
        """Quotas not named stay. Raises ValueError for a name there is not."""
        known = {known.name for known in fields(self)}
        unknown = (values.keys() - known) | (values.get("quota", {}).keys() - QUOTA.keys())
        if unknown:
            raise ValueError(f"no setting is called {', '.join(sorted(unknown))}")
        if values.get("uploads", "kept") not in get_args(Uploads):
            raise ValueError(f"uploads must be one of {', '.join(get_args(Uploads))}")
        for name, value in values.items():
            setattr(self, name, {**self.quota, **value} if name == "quota" else value)


class Region:
    """What one region holds, in tables that the admin endpoint reaches by name."""

    servers: Table
    flavors: Table
    keypairs: Table
    images: Table
    image_tasks: Table
    volumes: Table
    snapshots: Table
    messages: Table
    networks: Table
    subnets: Table
    ports: Table
    routers: Table
    floatingips: Table
    security_groups: Table
    security_group_rules: Table

    def __init__(self, cloud: "Cloud", name: str) -> None:
        self.cloud = cloud
        self.name = name
        self.tables = {name: Table() for name in Region.__annotations__}
        vars(self).update(self.tables)
        self.deleted_servers = Table()
        """What `changes-since` still tells of."""
        self.servers_made = 0
        self.deleted_images: set[str] = set()
        """An image's id is never used again."""
        self.image_data: dict[str, Content] = {}
        """What was uploaded or staged for the image of an id."""
        self.accounts: dict[str, Account] = {}
        """Swift's, by their projects' ids."""
        self.device_changed: Callable[[str], None] = lambda device_id: None
        """Nova hears of what Neutron did at a server's ports."""


class Cloud:
    def __init__(self, profile: Profile, settings: Settings) -> None:
        self.profile = profile
        self.name = profile.name
        self.settings = settings
        self.calls = Calls()
        self.faults = Faults()
        self.arena = Arena(settings.memory_bytes)
        self.work: set[asyncio.Task[None]] = set()
        """What services do behind their answers."""
        self.regions = {name: Region(self, name) for name in profile.regions}
        self.address = ""
        """http://host:port, once it listens."""
        self.tokens: dict[str, Any] = {}
        self.application_credentials = Table()
        self.users: dict[str, dict[str, str]] = {}
        """Of each user, its role in each of its projects."""
        self.projects: list[str] = []
        self.secrets: set[str] = set()
        """Every token and every application credential's secret given out so far."""

    def fixed_id(self, *names: str) -> str:
        """The id of something that is there from the start: the same in every run."""
        return str(uuid5(NAMESPACE_DNS, "/".join((self.name, *names))))

    def later(self, seconds: float, work: Callable[..., None], *args: Any) -> None:
        asyncio.get_running_loop().call_later(max(0.0, seconds), work, *args)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it behind the answer, until the cloud is closed."""
        task = asyncio.get_running_loop().create_task(work)
        self.work.add(task)
        task.add_done_callback(self.work.discard)

    async def close(self) -> None:
        """Give up what goes on, and what is held outside memory."""
        work = list(self.work)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        self.arena.close()


def new_id() -> str:
    return str(uuid4())


def now(zone: str = "Z", precision: str = "seconds") -> str:
    """The time as a service writes it: Nova and Glance end in Z, Cinder in nothing."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec=precision) + zone
