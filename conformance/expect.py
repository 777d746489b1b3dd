"""What a case expects, and whether an answer fits it.

A mapping fits one that has at least its keys; a list fits one of the same length; everything else
fits what is equal. The YAML tags below say more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

Names = dict[str, Any]


@dataclass(frozen=True)
class Tag:
    """A tag of YAML with what follows it."""

    name: str
    value: Any


class Loader(yaml.SafeLoader):
    """YAML with the tags that cases use."""


def _tagged(loader: Loader, name: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return Tag(name, loader.construct_mapping(node, deep=True))
    if isinstance(node, yaml.SequenceNode):
        return Tag(name, loader.construct_sequence(node, deep=True))
    assert isinstance(node, yaml.ScalarNode)
    value = loader.construct_scalar(node)
    # Long texts are written as their length.
    return "x" * int(value) if name == "text" else Tag(name, value)


TAGS = {
    "any": "there is something",
    "absent": "there is no such key",
    "like": "text that a regular expression is found in",
    "same": "equal wherever the same name stands; ${name} from then on",
    "between": "a number from the first to the second",
    "only": "a mapping with these keys and no others",
    "has": "a list with each of these, and maybe others",
    "text": "so many letters, for what is sent",
    "merge": "one mapping of several, for what is sent",
}
Loader.add_multi_constructor("!", _tagged)


def load(text: str) -> Any:
    """Raises ValueError for a tag there is not."""
    found = yaml.load(text, Loader)
    for tag in _tags(found):
        if tag.name not in TAGS:
            raise ValueError(f"!{tag.name} is none of {', '.join(TAGS)}")
    return found


def _tags(value: Any) -> Iterator[Tag]:
    if isinstance(value, Tag):
        yield value
        value = value.value
    for one in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from _tags(one)


def fill(value: Any, names: Names, *, lenient: bool = False) -> Any:
    """The value with what stands for ${…}. KeyError for a name there is not, unless it is lenient:
    then that stays as it is."""
    if isinstance(value, Tag):
        filled = fill(value.value, names, lenient=lenient)
        if value.name == "merge" and all(isinstance(one, dict) for one in filled):
            return {key: one for mapping in filled for key, one in mapping.items()}
        return Tag(value.name, filled)
    if isinstance(value, dict):
        return {
            fill(key, names, lenient=lenient): fill(one, names, lenient=lenient)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [fill(one, names, lenient=lenient) for one in value]
    if not isinstance(value, str):
        return value

    def look_up(found: re.Match[str]) -> Any:
        if lenient and found[1].partition(".")[0] not in names:
            return found[0]
        return _look_up(found[1], names)

    if whole := re.fullmatch(r"\$\{([^}]+)\}", value):
        return look_up(whole)
    return re.sub(r"\$\{([^}]+)\}", lambda found: str(look_up(found)), value)


def _look_up(path: str, names: Names) -> Any:
    found: Any = names
    for step in path.split("."):
        found = found[step if isinstance(found, dict) else int(step)]
    return found


def misfits(expected: Any, actual: Any, names: Names, path: str = "") -> Iterator[str]:
    """What of an answer is not as expected, one line each; `names` learns what !same binds."""
    here = path or "it"
    if isinstance(expected, Tag):
        yield from _by_tag(expected, actual, names, path)
    elif isinstance(expected, dict):
        if not isinstance(actual, dict):
            yield f"{here} is {shown(actual)}, not a mapping"
            return
        for key, wanted in expected.items():
            below = f"{path}.{key}" if path else str(key)
            if isinstance(wanted, Tag) and wanted.name == "absent":
                if key in actual:
                    yield f"{below} is there: {shown(actual[key])}"
            elif key not in actual:
                yield f"{below} is absent; expected {shown(wanted)}"
            else:
                yield from misfits(wanted, actual[key], names, below)
    elif isinstance(expected, list):
        if not isinstance(actual, list) or len(actual) != len(expected):
            yield f"{here} is {shown(actual)}, not a list of {len(expected)}"
            return
        for number, (wanted, one) in enumerate(zip(expected, actual, strict=True)):
            yield from misfits(wanted, one, names, f"{path}[{number}]")
    elif expected != actual or isinstance(expected, bool) != isinstance(actual, bool):
        yield f"{here} is {shown(actual)}; expected {shown(expected)}"


def _by_tag(tag: Tag, actual: Any, names: Names, path: str) -> Iterator[str]:
    here, value = path or "it", tag.value
    if tag.name == "any":
        if actual in (None, "", [], {}):
            yield f"{here} is empty"
    elif tag.name == "like":
        if not isinstance(actual, str) or not re.search(value, actual):
            yield f"{here} is {shown(actual)}; expected to find {value!r} there"
    elif tag.name == "same":
        if value not in names:
            names[value] = actual
        yield from misfits(names[value], actual, names, path)
    elif tag.name == "between":
        if not isinstance(actual, int | float) or not value[0] <= actual <= value[1]:
            yield f"{here} is {shown(actual)}; expected {value[0]} to {value[1]}"
    elif tag.name == "only":
        extra = sorted(actual.keys() - value.keys()) if isinstance(actual, dict) else []
        yield from (f"{path}.{key} is there: {shown(actual[key])}" for key in extra)
        yield from misfits(value, actual, names, path)
    elif tag.name == "has":
        for wanted in value:
            if not any(fits(wanted, one, names) for one in actual or ()):
                yield f"{here} has nothing like {shown(wanted)}: {shown(actual)}"


def fits(expected: Any, actual: Any, names: Names) -> bool:
    """Whether it is as expected; what !same binds stays bound only then."""
    trial = dict(names)
    if any(True for _ in misfits(expected, actual, trial)):
        return False
    names.update(trial)
    return True


def shown(value: Any) -> str:
    """For a message: cut where it is long."""
    text = f"!{value.name} {value.value}" if isinstance(value, Tag) else repr(value)
    return text if len(text) <= 400 else f"{text[:400]}… ({len(text)} characters)"
