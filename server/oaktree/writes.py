"""Requests to what openstacksdk and the cloud's APIs take. Runs in a place's threads.

A request's fields are openstacksdk's attributes under the same rules that reading goes by, so that
most resources need no code of their own to be made or changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from openstack import exceptions, resource, utils

from oaktree.convert import MARK
from oaktree.errors import ambiguous, invalid, not_found, not_offered
from oaktree.find import find
from oaktree.mapping import UNIT, Component, components, names
from oaktree.marks import IN_DESCRIPTION, Stamp
from oaktree.place import Place
from oaktree.row import Made

# Turns the name or id that a user gave in a field into the id.
Resolve: TypeAlias = Callable[[Place, str, str], str]
# Changes what openstacksdk is given for a request.
Adjust: TypeAlias = Callable[[Place, Any, dict[str, Any]], None]


def attributes(
    place: Place,
    request: Message,
    sdk: type[resource.Resource],
    *,
    resolve: Mapping[str, Resolve] | None = None,
    rename: Mapping[str, str] | None = None,
    skip: Iterable[str] = (),
) -> dict[str, Any]:
    """What a request's own fields are in openstacksdk's words; only those that are given.

    `resolve` names the fields that hold a name or an id of something else. `rename` says what the
    rules cannot: a field's, or a nested field's, key.
    """
    known, out = components(sdk), {}
    resolve, rename = resolve or {}, rename or {}
    for field, value in request.ListFields():
        if field.number < 16 or field.name in skip:
            continue
        key = rename.get(field.name) or _attribute(field, known)
        if field.name in resolve:
            # An empty name in an Update takes away what was there.
            given = field.message_type is not None or value
            out[key] = resolve[field.name](place, value, field.name) if given else None
        else:
            out[key] = _plain(field, value, rename)
    return out


def _attribute(field: FieldDescriptor, known: Mapping[str, Component]) -> str:
    name = field.name
    for candidate in [*names(field), name + "_id", name[:-1] + "_ids"]:
        if candidate in known:
            return candidate
    raise LookupError(f"{field.full_name}: openstacksdk has no such attribute; the row must say")


def _plain(field: FieldDescriptor, value: Any, rename: Mapping[str, str]) -> Any:
    kind = field.message_type
    if kind is None:
        return list(value) if field.is_repeated else value
    if kind.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        return [_object(one, rename, field.name) for one in value]
    # StringList and its likes: small messages around one list.
    if [f.name for f in kind.fields] == ["values"]:
        if kind.fields[0].message_type is None:
            return list(value.values)
        return [_object(one, rename, field.name) for one in value.values]
    return _object(value, rename, field.name)


def _object(message: Message, rename: Mapping[str, str], path: str) -> dict[str, Any]:
    return {
        rename.get(f"{path}.{field.name}", UNIT.sub("", field.name)): _plain(field, value, {})
        for field, value in message.ListFields()
    }


def require(place: Place, service: str, microversion: str, what: str) -> None:
    """FAILED_PRECONDITION, NOT_OFFERED, on clouds too old for something."""
    if not utils.supports_microversion(place.service(service), microversion):
        raise not_offered(f"this cloud is too old for {what}")


def check(response: Any) -> Any:
    """A response of an adapter, unless it is an error: then openstacksdk's exception."""
    exceptions.raise_from_response(response)
    return response


def set_tags(
    place: Place, service: str, path: str, tags: Iterable[str], microversion: str | None = None
) -> None:
    """Replaces a thing's tags, but for oaktree's own. Compute and network speak alike here."""
    adapter = place.service(service)
    present = check(adapter.get(f"{path}/tags", microversion=microversion)).json().get("tags", [])
    marks = [tag for tag in present if tag.startswith(MARK)]
    body = {"tags": sorted({*tags, *marks})}
    check(adapter.put(f"{path}/tags", json=body, microversion=microversion))


def change_metadata(place: Place, service: str, path: str, change: Any) -> None:
    """Applies a MapUpdate to a thing's metadata, and leaves oaktree's own marks alone. Compute and
    block storage speak alike here."""
    adapter = place.service(service)
    refuse_both(change, "metadata")
    present: dict[str, str] = {}
    if change.replace or change.remove:
        present = check(adapter.get(f"{path}/metadata")).json().get("metadata", {})
    if change.set:
        check(adapter.post(f"{path}/metadata", json={"metadata": dict(change.set)}))
    going = set(present) - set(change.set) if change.replace else set(change.remove) & set(present)
    going = {key for key in going if not key.startswith(MARK)}
    if any("/" in key for key in going):
        # Such a key cannot be named in a path; all that stays can be.
        known = present | dict(change.set)
        body = {"metadata": {key: known[key] for key in known if key not in going}}
        check(adapter.put(f"{path}/metadata", json=body))
        return
    for key in sorted(going):
        response = adapter.delete(f"{path}/metadata/{quote(key, safe='')}")
        if response.status_code != 404:
            check(response)


def refuse_both(change: Any, fieldname: str) -> None:
    both = set(change.set) & set(change.remove)
    if both:
        raise invalid(fieldname, f"{sorted(both)[0]!r} is both set and removed")


def creator(
    service: str,
    noun: str,
    sdk: type[resource.Resource],
    tags: str = "",
    *,
    adjust: Adjust | None = None,
    **naming: Any,
) -> Callable[[Place, Any, Stamp], Made]:
    """A Create through the proxy's create_<noun>. `tags` is the path that the things' tags hang
    off, where they have any: a tagger() sets them. `adjust` sees to what the rules cannot say;
    `naming` is as in attributes()."""
    odd = _skipped(tags, naming)

    def create(place: Place, request: Any, stamp: Stamp) -> Made:
        given = attributes(place, request, sdk, **naming | odd)
        if adjust is not None:
            adjust(place, request, given)
        stamp(given)
        return Made(getattr(place.service(service), f"create_{noun}")(**given).id)

    return create


def tagger(service: str, path: str) -> Callable[[Place, str, Any], None]:
    """Gives what a Create made its tags: not all of a service's things take them when made."""

    def tag(place: Place, identifier: str, request: Any) -> None:
        if request.tags:
            set_tags(place, service, f"{path}/{identifier}", request.tags)

    return tag


def updater(
    service: str,
    noun: str,
    sdk: type[resource.Resource],
    tags: str = "",
    *,
    adjust: Adjust | None = None,
    **naming: Any,
) -> Callable[[Place, str, Any], None]:
    """An Update through the proxy's update_<noun>, for the given revision only if there is one."""
    odd = _skipped(tags, naming)

    def update(place: Place, identifier: str, request: Any) -> None:
        given = attributes(place, request, sdk, **naming | odd)
        if adjust is not None:
            adjust(place, request, given)
        if "description" in given:
            present = getattr(place.service(service), f"get_{noun}")(identifier)
            IN_DESCRIPTION.keep(given, present.description)
        condition = {"if_revision": request.revision} if getattr(request, "revision", 0) else {}
        if given or condition:
            change = getattr(place.service(service), f"update_{noun}")
            change(identifier, **condition, **given)
        if tags and request.HasField("tags"):
            set_tags(place, service, f"{tags}/{identifier}", request.tags.values)

    return update


def _skipped(tags: str, naming: dict[str, Any]) -> dict[str, Any]:
    """Tags go by a call of their own."""
    return {"skip": (*naming.get("skip", ()), *(("tags",) if tags else ()))}


def deleter(service: str, noun: str) -> Callable[[Place, str], None]:
    def delete(place: Place, identifier: str) -> None:
        getattr(place.service(service), f"delete_{noun}")(identifier, ignore_missing=False)

    return delete


def named(noun: str) -> Resolve:
    """Resolves the name or id of another resource's thing."""

    def resolve(place: Place, name: str, fieldname: str) -> str:
        # Rows name each other, so each finds the others only when asked.
        from oaktree import resources

        return find(place, resources.reader(noun), name, fieldname).id

    return resolve


def security_group(place: Place, name: str, fieldname: str) -> str:
    adapter = place.service("network")
    for key in ("id", "name"):
        answer = check(adapter.get("/security-groups", params={key: name})).json()
        found = [group for group in answer["security_groups"] if group[key] == name]
        # An administrator is shown everybody's, and every project has a "default".
        own = [g for g in found if place.project.id in (g.get("project_id"), g.get("tenant_id"))]
        ids = [str(group["id"]) for group in own or found]
        if len(ids) > 1:
            raise ambiguous(fieldname, "security group", name, ids)
        if ids:
            return ids[0]
    raise not_found("security group", name)


def each(resolve: Resolve) -> Resolve:
    """The same for a StringList."""

    def all_of(place: Place, given: Any, fieldname: str) -> Any:
        return [resolve(place, name, fieldname) for name in given.values]

    return all_of
