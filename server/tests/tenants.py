"""Users and projects whose things have the same names and, where a cloud allows it, the same ids;
and what tells whose anything is that is told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from oaktree.democloud import DemoCloud
from oaktree.models import message_class
from oaktreemodel.v1.location_pb2 import Location

from .deployed import Metadata

CLOUD = "modern"
EAST = Location(cloud=CLOUD, region="east")
WEST = Location(cloud=CLOUD, region="west")
USERS, PROJECTS = 20, 10
# What begins the name of every user and every project, and stands in all that is theirs.
MARK = b"canary-"
_MARKED = re.compile(rb"canary-\w*-?\d*")
# Of an application credential that may look at Nova and Neutron, and do nothing more.
RULES = [
    {"service": "compute", "method": "GET", "path": "/v2.1/**"},
    {"service": "network", "method": "GET", "path": "/v2.0/**"},
]


@dataclass(frozen=True)
class Kind:
    """A resource, what a new one is given, and whose its things are."""

    noun: str
    # Its field in a list's response.
    collection: str
    new: dict[str, Any] = field(default_factory=dict)
    # Where the canary goes.
    label: str = "description"
    # A user's own, and not a project's.
    is_personal: bool = False
    is_updated: bool = True
    is_watched: bool = True
    # Whether who may look at Nova and its networks alone sees it.
    is_ruled: bool = False

    def request(self, verb: str, at: Location = EAST, **values: Any) -> Any:
        plural = "s" if verb in ("List", "Watch") else ""
        return message_class(f"{verb}{self.noun}{plural}Request")(location=at, **values)

    def create(self, owner: str, **values: Any) -> Any:
        made = self.request("Create", **self.new, **values)
        if self.label == "public_key":
            made.public_key = f"{_KEY} {owner}"
        elif self.label in ("metadata", "properties"):
            getattr(made, self.label)["whose"] = owner
        else:
            setattr(made, self.label, owner)
        return made


_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDYYVS7IP7TsmYHXnMMq1bXVQH0vzBYBEGkaGKVVyTE9"
SERVER = Kind(
    "Server",
    "servers",
    {"name": "web", "image": "cirros", "flavor": "m1.tiny", "auto_ip": False},
    label="metadata",
    is_ruled=True,
)
KINDS = (
    SERVER,
    Kind("Volume", "volumes", {"name": "data", "size_gib": 1}),
    Kind("Port", "ports", {"name": "plug", "network": "private"}, is_ruled=True),
    Kind("FloatingIp", "floating_ips", {"floating_network": "public"}, is_ruled=True),
    Kind("Image", "images", {"name": "golden", "disk_format": "raw"}, label="properties"),
    Kind("Network", "networks", {"name": "lan"}, is_watched=False, is_ruled=True),
    Kind(
        "Keypair",
        "keypairs",
        {"name": "key"},
        label="public_key",
        is_personal=True,
        is_updated=False,
        is_watched=False,
        is_ruled=True,
    ),
)


@dataclass(eq=False)
class Tenant:
    """One caller: a user in a project, by one of the ways to log in."""

    number: int
    user: str
    project: str
    role: str
    # The ids of the other projects.
    foreign: list[bytes]
    # An application credential; None: it logs in with a password.
    credential: tuple[str, str] | None = None
    is_ruled: bool = False
    metadata: Metadata = ()
    # Of what stays, the ids by noun; and of what it has made and may delete.
    own: dict[str, str] = field(default_factory=dict)
    # Of its server in the other region.
    west: str = ""
    made: list[tuple[Kind, str]] = field(default_factory=list)

    def __str__(self) -> str:
        how = "under rules" if self.is_ruled else "by credential" if self.credential else self.role
        return f"{self.user} in {self.project} ({how})"

    @property
    def may_change(self) -> bool:
        return self.role == "member" and not self.is_ruled

    def sees(self, kind: Kind) -> bool:
        return kind.is_ruled or not self.is_ruled

    def owner(self, kind: Kind) -> str:
        """Whose its things are, as it stands in them."""
        return self.user if kind.is_personal else self.project

    def leaks(self, told: bytes) -> list[str]:
        """What is in an answer, or in an error, that is another project's or another user's."""
        found = [f"project id {one.decode()}" for one in self.foreign if one in told]
        own = (self.project.encode(), self.user.encode())
        if told.count(MARK) != sum(map(told.count, own)):
            marked = set(_MARKED.findall(told)) - set(own)
            found.append(f"{', '.join(sorted(one.decode() for one in marked))}")
        return found


def tenants(demo: DemoCloud) -> list[Tenant]:
    """Twenty users in ten projects: each project has two, and some have more. Two may only read;
    one has an application credential beside its password, one has one that is under rules."""
    users = [f"canary-user-{number:02}" for number in range(USERS)]
    projects = [f"canary-project-{number:02}" for number in range(PROJECTS)]
    roles = {
        user: {projects[number % PROJECTS]: "member" if number < USERS - 2 else "reader"}
        for number, user in enumerate(users)
    }
    for number, others in ((0, (1, 2)), (11, (3,)), (18, (9,))):
        roles[users[number]] |= {projects[other]: "member" for other in others}
    for user, its in roles.items():
        demo.add_user(CLOUD, user, its)
    ids = {project: demo.project_id(CLOUD, project).encode() for project in projects}
    found: list[Tenant] = []

    def add(user: str, project: str, **how: Any) -> None:
        foreign = [one for name, one in ids.items() if name != project]
        found.append(Tenant(len(found), user, project, roles[user][project], foreign, **how))

    for user, its in roles.items():
        for project in its:
            add(user, project)
    for number, rules in ((3, []), (4, RULES)):
        user, project = users[number], projects[number]
        credential = demo.application_credential(CLOUD, user, project, access_rules=rules)
        add(user, project, credential=credential, is_ruled=bool(rules))
    return found
