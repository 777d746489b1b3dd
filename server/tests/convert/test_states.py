"""The cloud's words and what they mean: every word that the services are known to say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from oaktree.row import Item
from oaktreemodel.v1.common_pb2 import State

from .golden import converted, golden

BOUND = {"device_id": "7f3f1f5e", "device_owner": "compute:nova"}
WITH_PORT = {"port_id": "e0000000"}

# Resource, state: its words.
WORDS: dict[str, dict[str, str]] = {
    "Server": {
        "pending": "BUILD",
        "ready": "ACTIVE VERIFY_RESIZE RESCUE",
        "changing": "REBUILD REBOOT HARD_REBOOT RESIZE REVERT_RESIZE MIGRATING PASSWORD",
        "stopped": "SHUTOFF PAUSED SUSPENDED SHELVED SHELVED_OFFLOADED",
        "failed": "ERROR",
        "deleted": "DELETED SOFT_DELETED",
        "unspecified": "UNKNOWN PONDERING",
    },
    "Volume": {
        "pending": "creating downloading managing",
        "ready": "available in-use reserved awaiting-transfer uploading backing-up",
        "changing": "attaching detaching extending retyping maintenance restoring-backup",
        "failed": "error error_deleting error_backing-up error_restoring error_extending "
        "error_managing",
        "deleting": "deleting",
        "unspecified": "levitating",
    },
    "Image": {
        "pending": "queued saving uploading importing",
        "ready": "active",
        "stopped": "deactivated",
        "failed": "killed",
        "deleting": "pending_delete",
        "deleted": "deleted",
        "unspecified": "marinating",
    },
    "Port": {"pending": "BUILD", "ready": "ACTIVE", "failed": "ERROR", "unspecified": "N/A"},
    "FloatingIp": {"ready": "ACTIVE", "failed": "ERROR", "unspecified": "FLOATING"},
    "Network": {
        "pending": "BUILD",
        "ready": "ACTIVE",
        "stopped": "DOWN",
        "failed": "ERROR",
        "unspecified": "PAUSING",
    },
}
# What more than the word decides: the item, its state.
MORE: list[tuple[str, Item, str]] = [
    ("Server", {"status": "ACTIVE", "OS-EXT-STS:task_state": "deleting"}, "deleting"),
    ("Server", {"status": "ERROR", "OS-EXT-STS:task_state": "deleting"}, "deleting"),
    ("Server", {"status": "ACTIVE", "OS-EXT-STS:task_state": "powering-off"}, "ready"),
    ("Image", {"status": "queued", "os_glance_failed_import": "files"}, "failed"),
    ("Image", {"status": "queued", "os_glance_failed_import": ""}, "pending"),
    ("Port", {"status": "DOWN"}, "ready"),
    ("Port", {"status": "DOWN", "device_id": ""}, "ready"),
    ("Port", {"status": "DOWN"} | BOUND, "stopped"),
    ("Port", {"status": "ACTIVE"} | BOUND, "ready"),
    ("FloatingIp", {"status": "DOWN"}, "ready"),
    ("FloatingIp", {"status": "DOWN", "port_id": None}, "ready"),
    ("FloatingIp", {"status": "DOWN"} | WITH_PORT, "pending"),
    ("FloatingIp", {"status": "ACTIVE"} | WITH_PORT, "ready"),
    # As old as Kilo: nothing is told.
    ("FloatingIp", {}, "ready"),
    ("Network", {}, "unspecified"),
    ("Server", {"status": None}, "unspecified"),
]


def _cases() -> Iterator[tuple[str, Item, str]]:
    for noun, states in WORDS.items():
        for state, words in states.items():
            for word in words.split():
                yield noun, {"status": word}, state
    yield from MORE


@pytest.mark.parametrize(("noun", "told", "state"), list(_cases()))
def test_a_word_is_a_state(noun: str, told: Item, state: str) -> None:
    message: Any = converted(noun, {"id": "i", "name": "n"} | told)
    assert State.Name(message.state) == f"STATE_{state.upper()}"
    assert message.status == (told.get("status") or "")


@pytest.mark.parametrize("noun", WORDS)
def test_only_the_word_decides_and_not_how_it_is_written(noun: str) -> None:
    for state, words in WORDS[noun].items():
        for word in words.split():
            for written in (word.lower(), word.upper()):
                message: Any = converted(noun, {"id": "i", "status": written})
                assert State.Name(message.state) == f"STATE_{state.upper()}"
                assert message.status == written


RECORDED = [
    ("Server", "rich_newest", "ready"),
    ("Server", "rich_bare", "ready"),
    ("Server", "error_newest", "failed"),
    ("Server", "booted_from_volume", "deleting"),
    ("Volume", "attached", "ready"),
    ("Volume", "available", "ready"),
    ("Volume", "wrong_types", "failed"),
    ("Image", "rich", "ready"),
    ("Image", "queued", "pending"),
    ("Image", "failed_import", "failed"),
    ("Port", "unbound", "ready"),
    ("Port", "bound_member", "ready"),
    ("Port", "every_extension", "stopped"),
    ("FloatingIp", "unbound", "ready"),
    ("FloatingIp", "bound", "ready"),
    ("FloatingIp", "kilo", "ready"),
    ("Network", "member", "ready"),
    ("Network", "every_extension", "stopped"),
]


@pytest.mark.parametrize(("noun", "name", "state"), RECORDED)
def test_golden_items_are_in_the_state_they_were_made_for(noun: str, name: str, state: str) -> None:
    message: Any = converted(noun, golden(noun, name).item)
    assert State.Name(message.state) == f"STATE_{state.upper()}"
