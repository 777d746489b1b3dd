"""The admin endpoint, /_admin on every cloud: faults, settings, counts, and what the cloud holds.

It answers {"error": ...} with 400 to what it cannot do. Nothing here is counted as a call.
"""

from copy import deepcopy
from typing import Any

import orjson
from starlette.requests import Request

from .cloud import Cloud, new_id
from .core import ApiError
from .faults import Fault
from .items import Item, Row, Table
from .keystone.tokens import revoke
from .layout import Net, lay_out
from .seed import add_application_credential, add_servers, add_source_image, add_user

Answer = tuple[int, bytes, dict[str, str]]


async def answer(cloud: Cloud, request: Request) -> Answer:
    path = request.url.path.removeprefix("/_admin/").strip("/").split("/")
    raw = await request.body()
    status = 200
    try:
        body = orjson.loads(raw) if raw else {}
        shown = _serve(cloud, request.method, path, body)
    except (ApiError, KeyError, TypeError, ValueError) as error:
        status, shown = 400, {"error": str(error)}
    return status, orjson.dumps(shown, default=list), {"content-type": "application/json"}


def _serve(cloud: Cloud, method: str, path: list[str], body: Row) -> Any:
    match method, path:
        case "GET", ["calls"]:
            return cloud.calls.report()
        case "DELETE", ["calls"]:
            cloud.calls.reset()
        case "POST", ["faults"]:
            cloud.faults.planted.append(Fault.parse(body))
        case "DELETE", ["faults"]:
            cloud.faults.planted.clear()
        case "PATCH", ["settings"]:
            cloud.settings.change(body)
        case "DELETE", ["tokens"]:
            revoke(cloud, lambda token: True)
        case "DELETE", ["tokens", user]:
            revoke(cloud, lambda token: token.user == user)
        case "GET", ["secrets"]:
            return sorted(cloud.secrets)
        case "POST", ["users"]:
            add_user(cloud, **body)
        case "POST", ["application_credentials"]:
            return add_application_credential(cloud, **body)
        case "DELETE", ["application_credentials", key]:
            cloud.application_credentials.remove(key)
        case "POST", ["servers", region]:
            return add_servers(cloud.regions[region], **body)
        case "POST", ["source_images", region]:
            return add_source_image(cloud.regions[region], **body)
        case "PUT", ["networks", region]:
            lay_out(cloud.regions[region], [Net(**net) for net in body["networks"]])
        case "GET", [region, table]:
            return list(_table(cloud, region, table))
        case "POST", [region, table]:
            return _add(_table(cloud, region, table), body)
        case "GET", [region, table, *key]:
            return _item(cloud, region, table, key)
        case "PATCH", [region, table, *key]:
            item = _item(cloud, region, table, key)
            item.change(**body)
            return item
        case "DELETE", [region, table, *key]:
            _table(cloud, region, table).remove("/".join(key))
        case _:
            raise ValueError(f"nothing is at {method} {'/'.join(path)}")
    return {}


def _table(cloud: Cloud, region: str, table: str) -> Table:
    if region not in cloud.regions:
        raise ValueError(f"{cloud.name} has no region {region}")
    tables = cloud.regions[region].tables
    if table not in tables:
        raise ValueError(f"there are {', '.join(tables)}, but no {table}")
    return tables[table]


def _add(table: Table, values: Row) -> Item:
    """Add a resource as it is given, on top of the one that `like` names."""
    like = values.pop("like", None)
    model = table.get(like) if like else Item({})
    if model is None:
        raise ValueError(f"there is no {like} to be like")
    return table.add(deepcopy(dict(model)) | {"id": new_id()} | values)


def _item(cloud: Cloud, region: str, table: str, key: list[str]) -> Item:
    item = _table(cloud, region, table).get("/".join(key))
    if item is None:
        raise ValueError(f"{table} of {cloud.name} in {region} has no {'/'.join(key)}")
    return item
