"""The command `oaktree`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
import yaml
from openstack import exceptions
from openstack.config import OpenStackConfig

from oaktree import __version__
from oaktree.clouds import configured, names_of
from oaktree.gate import Own
from oaktree.server import serve

LISTEN = "127.0.0.1:50051"


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    logging.basicConfig(
        level=given.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    # At DEBUG these write requests out, and with them what nobody may read.
    for name in ("keystoneauth", "urllib3", "openstack"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        return int(given.run(given))
    except (OSError, ValueError, exceptions.ConfigException) as error:
        print(f"oaktree: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="oaktree", description="A gRPC interface to OpenStack clouds"
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--listen",
        default=LISTEN,
        metavar="ADDRESS",
        help="host:port or unix:PATH to serve on (default: %(default)s)",
    )
    common.add_argument(
        "--log-level",
        default="info",
        choices=["debug", "info", "warning", "error"],
        help="how much to write to standard error (default: %(default)s)",
    )
    serving = commands.add_parser("serve", parents=[common], help="serve the clouds of clouds.yaml")
    serving.add_argument(
        "--clouds",
        metavar="FILE",
        help="the clouds.yaml to read (default: where openstacksdk looks for it)",
    )
    serving.add_argument(
        "--cloud",
        action="append",
        default=[],
        metavar="NAME",
        help="serve only this cloud; may be given again (default: every cloud)",
    )
    serving.set_defaults(run=_serve)
    demo = commands.add_parser("demo", parents=[common], help="serve three made-up clouds to try")
    demo.set_defaults(run=_demo)
    return parser


def configuration(path: str | None) -> OpenStackConfig:
    """clouds.yaml as openstacksdk reads it. OSError or ValueError when there is none to read, or
    it cannot be read: openstacksdk would go on to the next place, or without any."""
    if path is not None:
        # openstacksdk puts these before the file that it is given.
        for name in ("OS_CLIENT_CONFIG_FILE", "OS_CLOUD"):
            os.environ.pop(name, None)
        _read(path)
    config = OpenStackConfig(config_files=[path] if path else None, app_name="oaktree")
    present = [name for name in config._config_files if Path(name).exists()]
    if present and config.config_filename != present[0]:
        _read(present[0])
    if not present and not names_of(config):
        raise OSError(
            "there is no clouds.yaml in this folder, in ~/.config/openstack or in /etc/openstack; "
            "write one, or name one with --clouds"
        )
    return config


def _read(path: str) -> None:
    """OSError or ValueError, which say where and what, if the file cannot be read."""
    with Path(path).open("rb") as file:
        try:
            yaml.safe_load(file)
        except yaml.MarkedYAMLError as error:
            # Never the text itself, which may be a password.
            line = error.problem_mark.line + 1 if error.problem_mark else "unknown"
            raise ValueError(f"{path} is not YAML: see line {line}") from None
        except (yaml.YAMLError, UnicodeDecodeError):
            raise ValueError(f"{path} is not YAML") from None


def _serve(given: argparse.Namespace) -> int:
    uvloop.run(serve(Own(configured(configuration(given.clouds), given.cloud)), given.listen))
    return 0


def _demo(given: argparse.Namespace) -> int:
    # The made-up clouds need libraries that serving does not.
    from oaktree.demo import run

    return run(given.listen)


if __name__ == "__main__":
    sys.exit(main())
