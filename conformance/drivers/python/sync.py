"""The driver of the synchronous client: a thread a call."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Generator
from typing import Any

import oaktreemodel

from .plain import Left, Tell, arguments, method, shown, teller


def call(client: oaktreemodel.Client, command: dict[str, Any], tell: Tell) -> None:
    """Make a call, and tell how it goes."""
    try:
        answer = method(oaktreemodel, client, command)(**arguments(command, tell))
        if isinstance(answer, Generator):
            for number, item in enumerate(answer, 1):
                tell(item=shown(item))
                if number == command.get("take"):
                    break
            # A generator that nobody holds is closed, and the call ends.
            answer = None
        tell(result=shown(answer))
    except oaktreemodel.OaktreeError as error:
        tell(error=shown(error))
    except Left:
        tell(result=None)
    except (OSError, ValueError) as error:
        tell(refused=str(error))
    except Exception as error:
        tell(broken=repr(error))


def main() -> None:
    """Do what standard input says, until it ends."""
    client: Any = None
    for line in sys.stdin:
        command = json.loads(line)
        tell = teller(command["id"])
        if "connect" in command:
            try:
                client = oaktreemodel.connect(**command["connect"])
                tell(result=None)
            except (OSError, ValueError) as error:
                tell(refused=str(error))
        elif "close" in command:
            client.close()
            tell(result=None)
        else:
            threading.Thread(target=call, args=(client, command, tell), daemon=True).start()


if __name__ == "__main__":
    main()
