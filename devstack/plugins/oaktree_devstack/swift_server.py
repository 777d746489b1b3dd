"""Run one Swift server: ``SWIFT_CONF SERVER CONFIG``.

SERVER is proxy, account, container or object.
Swift reads its hash prefix from one fixed place below /etc; this points it to SWIFT_CONF instead.
"""

import importlib
import sys

import swift.common.utils


def main() -> None:
    swift_conf, server, config = sys.argv[1:]
    swift.common.utils.SWIFT_CONF_FILE = swift_conf
    sys.argv = [f"{server}-server", config, "--verbose"]
    package = "obj" if server == "object" else server
    importlib.import_module(f"swift.{package}.server").main()


if __name__ == "__main__":
    main()
