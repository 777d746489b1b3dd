"""The command `oaktree`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
from openstack import exceptions
from openstack.config import OpenStackConfig

from oaktree import __version__, grpclog  # noqa: F401
from oaktree.clouds import configured, names_of
from oaktree.deployment import read
from oaktree.gate import Open, Own
from oaktree.listening import DEFAULT, check
from oaktree.server import serve
from oaktree.settings import load

# At DEBUG these write requests out, and with them what nobody may read, or a line for every call.
QUIET = ("grpc", "keystoneauth", "openstack", "urllib3")


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    logging.basicConfig(
        level=given.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Some ways to log in lack a library of theirs, which is no fault.
    logging.getLogger("stevedore").setLevel(logging.CRITICAL)
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
    logs, listens, reads = (argparse.ArgumentParser(add_help=False) for _ in range(3))
    logs.add_argument(
        "--log-level",
        default="info",
        choices=["debug", "info", "warning", "error"],
        help="how much to write to standard error (default: %(default)s)",
    )
    listens.add_argument(
        "--listen",
        metavar="ADDRESS",
        type=_address,
        help=f"host:port or unix:PATH to serve on (default: {DEFAULT})",
    )
    reads.add_argument(
        "--clouds",
        metavar="FILE",
        help="the clouds.yaml to read (default: where openstacksdk looks for it)",
    )
    serving = commands.add_parser(
        "serve", parents=[listens, reads, logs], help="serve clouds, to yourself or to others"
    )
    serving.add_argument(
        "--cloud",
        action="append",
        metavar="NAME",
        help="serve only this cloud of clouds.yaml; may be given again (default: every cloud)",
    )
    serving.add_argument(
        "--no-auth",
        action="store_true",
        help="let in every user of this machine, in place of those who show the token that is in "
        "your runtime directory",
    )
    serving.add_argument(
        "--config",
        metavar="FILE",
        help="the oaktree.yaml to read: serve its clouds to others, who bring their own "
        "credentials, in place of those of clouds.yaml to yourself; --listen goes before its own",
    )
    serving.set_defaults(run=_serve)
    demo = commands.add_parser(
        "demo", parents=[listens, logs], help="serve three made-up clouds to try"
    )
    demo.set_defaults(run=_demo)
    _login_arguments(
        commands.add_parser(
            "login",
            parents=[reads, logs],
            help="make an application credential, and the file in which clients find it",
            description="Makes an application credential with your entry in clouds.yaml, and the "
            "file in which clients find it when they call an oaktree that serves others, too.",
        )
    )
    return parser


def _login_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "address",
        nargs="?",
        metavar="ADDRESS",
        help="the oaktree's host:port (default: OAKTREE_ADDRESS, or what the file says)",
    )
    parser.add_argument(
        "--cloud", metavar="NAME", help="the cloud of clouds.yaml (default: OS_CLOUD, or the only)"
    )
    parser.add_argument(
        "--oaktree-cloud",
        metavar="NAME",
        help="what the oaktree calls this cloud, if it serves several (default: what the file "
        "says; '': nothing)",
    )
    parser.add_argument(
        "--ca",
        metavar="FILE",
        help="the authority that signs the oaktree's certificate, in PEM (default: what the file "
        "says; '': those that this machine trusts)",
    )
    parser.add_argument(
        "--days",
        type=_days,
        default=90,
        metavar="N",
        help="how long the credential is good (default: %(default)s)",
    )
    roles = parser.add_mutually_exclusive_group()
    roles.add_argument("--read-only", action="store_true", help="give it the role reader alone")
    roles.add_argument(
        "--role",
        action="append",
        default=[],
        metavar="NAME",
        help="give it this role; may be given again (default: those of the former, else member)",
    )
    parser.add_argument("--name", help="what to call it (default: by this machine and the time)")
    parser.add_argument(
        "--file",
        metavar="PATH",
        help="the file (default: OAKTREE_CREDENTIALS, or ~/.config/oaktree/credentials.yaml)",
    )
    parser.add_argument("--force", action="store_true", help="replace the file, whatever is in it")
    parser.set_defaults(run=_login)


def _address(text: str) -> str:
    try:
        return check(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from None


def _days(text: str) -> int:
    # More would be past what a date can be.
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError("must be a whole number of days, from 1 to 100000")
    return int(text)


def configuration(path: str | None) -> OpenStackConfig:
    """clouds.yaml as openstacksdk reads it. OSError or ValueError when there is none to read, or
    it cannot be read: openstacksdk would go on to the next place, or without any."""
    if path is not None:
        # openstacksdk puts these before the file that it is given.
        for name in ("OS_CLIENT_CONFIG_FILE", "OS_CLOUD"):
            os.environ.pop(name, None)
        load(path, "--clouds")
    config = OpenStackConfig(config_files=[path] if path else None, app_name="oaktree")
    present = [name for name in config._config_files if Path(name).exists()]
    if present and config.config_filename != present[0]:
        load(present[0])
    if not present and not names_of(config):
        raise OSError(
            "there is no clouds.yaml in this folder, in ~/.config/openstack or in /etc/openstack; "
            "write one, or name one with --clouds"
        )
    return config


def _serve(given: argparse.Namespace) -> int:
    if given.config is not None:
        if given.clouds is not None or given.cloud is not None or given.no_auth:
            raise ValueError("--config excludes --clouds, --cloud and --no-auth: it says it all")
        return _serve_others(given)
    gate = Open if given.no_auth else Own
    clouds = configured(configuration(given.clouds), given.cloud or ())
    uvloop.run(serve(gate(clouds), given.listen or DEFAULT))
    return 0


def _serve_others(given: argparse.Namespace) -> int:
    # One's own oaktree needs none of these, and starts sooner.
    from oaktree.admission import Admission
    from oaktree.tls import server_credentials

    deployment = read(given.config)
    tls = None if deployment.tls is None else server_credentials(deployment.tls)
    uvloop.run(serve(Admission(deployment), given.listen or deployment.listen, tls=tls))
    return 0


def _login(given: argparse.Namespace) -> int:
    from oaktree.login import run

    return run(given, configuration(given.clouds))


def _demo(given: argparse.Namespace) -> int:
    # The made-up clouds need libraries that serving does not.
    from oaktree.demo import run

    return run(given.listen or DEFAULT)


if __name__ == "__main__":
    sys.exit(main())
