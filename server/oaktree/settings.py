"""Reading configuration files. What is wrong with one is told by its file and key, or line, and
never with a value: that may be somebody's password in the wrong place."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml


def content(path: str | Path, named: str = "") -> bytes:
    """What a file holds. OSError, with what names the file and its path, if it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        where = f"{named}: {path}" if named else path
        raise type(error)(f"{where} cannot be read: {error.strerror}") from None


def load(path: str | Path, named: str = "") -> Any:
    """What a YAML file holds. OSError or ValueError, which say where and what, if it cannot be
    read; `named` is the option that names it."""
    found = content(path, named)
    try:
        return yaml.safe_load(found)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "unknown"
        raise ValueError(f"{path} is not YAML: see line {line}") from None
    except (yaml.YAMLError, ValueError):
        # ValueError: bytes that are no UTF-8, or a date that there is not.
        raise ValueError(f"{path} is not YAML") from None


class Section:
    """A mapping in a configuration file. Whatever reads it raises ValueError, with the file and the
    key, for a value that will not do; a value of null is as good as none."""

    def __init__(self, file: Path, value: Any, name: str = "") -> None:
        """`name` is the key it is under, with those above it; empty for the whole file."""
        self.file = file
        self.name = name
        if not isinstance(value, dict):
            raise self.wrong("", "must be a mapping: `key: value`, a line each")
        for key in value:
            if not isinstance(key, str):
                raise self.wrong("", "has a key that is not text; put it in quotes")
        self.values: dict[str, Any] = value

    def wrong(self, key: str, what: str) -> ValueError:
        where = ".".join(part for part in (self.name, key) if part)
        return ValueError(f"{self.file}: {where} {what}" if where else f"{self.file} {what}")

    def only(self, keys: Collection[str]) -> None:
        """Nothing else may be here: what is misspelt would go unheeded."""
        for key in self.values:
            if key not in keys:
                raise self.wrong(key, f"is unknown here; there are {', '.join(keys)}")

    def has(self, key: str) -> bool:
        return self.values.get(key) is not None

    def text(self, key: str) -> str:
        """Empty if it is absent."""
        value = self.values.get(key, "")
        if value is None or value == "":
            return ""
        if not isinstance(value, str):
            raise self.wrong(key, "must be text; put it in quotes")
        return value

    def whole(self, key: str, default: int, least: int) -> int:
        value = self.values[key] if self.has(key) else default
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.wrong(key, f"must be a whole number, {least} or more")
        return value

    def number(self, key: str, default: float, least: float) -> float:
        value = self.values[key] if self.has(key) else default
        # Not a number, in YAML, is a float, and less than nothing.
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
            raise self.wrong(key, f"must be a number, {least:g} or more")
        return float(value)

    def path(self, key: str) -> Path | None:
        """A file, by its path from the folder of the file that names it."""
        text = self.text(key)
        return self.file.parent / Path(text).expanduser() if text else None

    def section(self, key: str) -> Section:
        """An absent one is empty."""
        value = self.values[key] if self.has(key) else {}
        return Section(self.file, value, ".".join(part for part in (self.name, key) if part))
