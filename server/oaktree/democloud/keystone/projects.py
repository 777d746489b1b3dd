"""Projects and the catalog, as their users see them."""

from ..core import ApiError, Call, Reply
from ..items import Row
from .catalog import catalog
from .service import SERVICE, forbidden, project_id


@SERVICE.route("GET", "/auth/catalog")
def show_catalog(call: Call) -> Reply:
    links = {"self": f"{call.base}/v3/auth/catalog"}
    return Reply({"catalog": catalog(call.cloud, call.project), "links": links})


@SERVICE.route("GET", "/auth/projects")
@SERVICE.route("GET", "/users/{user}/projects")
def own_projects(call: Call) -> Reply:
    return _projects(call, _own(call))


@SERVICE.route("GET", "/projects")
def projects(call: Call) -> Reply:
    if not call.is_admin:
        raise forbidden("identity:list_projects")
    return _projects(call, call.cloud.projects)


def _own(call: Call) -> list[str]:
    mine = call.cloud.users[call.token.user]
    return [name for name in call.cloud.projects if name in mine]


def _projects(call: Call, names: list[str]) -> Reply:
    wanted = call.query.get("name")
    shown = [_project(call, name) for name in names if wanted in (None, name)]
    return Reply(
        {
            "projects": shown,
            "links": {"next": None, "self": f"{call.base}/v3{call.path}", "previous": None},
        }
    )


def _project(call: Call, name: str) -> Row:
    own = project_id(call.cloud, name)
    return {
        "id": own,
        "name": name,
        "domain_id": "default",
        "parent_id": "default",
        "enabled": True,
        "is_domain": False,
        "description": "",
        "tags": [],
        "options": {},
        "links": {"self": f"{call.base}/v3/projects/{own}"},
    }


@SERVICE.route("GET", "/projects/{id}")
def show_project(call: Call) -> Reply:
    for name in call.cloud.projects:
        if project_id(call.cloud, name) == call.args["id"]:
            if not call.is_admin and name not in _own(call):
                break
            return Reply({"project": _project(call, name)})
    if not call.is_admin:
        raise forbidden("identity:get_project")
    raise ApiError(404, f"Could not find project: {call.args['id']}.")
