"""The users, the projects and the application credential that every cloud starts with."""

from ..cloud import Cloud
from . import credentials
from .service import ROLES, USERS, add_user

APPLICATION_CREDENTIAL = "deploy"
SECRET = "democloud-secret"


def seed(cloud: Cloud) -> None:
    for name, roles in USERS.items():
        add_user(cloud, name, roles)
    wanted = {
        "id": cloud.fixed_id("application_credential", APPLICATION_CREDENTIAL).replace("-", ""),
        "name": APPLICATION_CREDENTIAL,
        "secret": SECRET,
    }
    credentials.make(cloud, "demo", "demo", ROLES["member"], wanted)
