"""The command: files and directories into a cloud and back."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TypeAlias

from oaktreemodel._bar import bar
from oaktreemodel._client import connect
from oaktreemodel._directories import PARALLEL, download_directory, upload_directory
from oaktreemodel._outcome import DirectoryResult, FileStep
from oaktreemodel._version import __version__
from oaktreemodel.errors import OaktreeError
from oaktreemodel.v1.scope_sync import Scope

# What a command does with its arguments, and where; its exit code.
Run: TypeAlias = Callable[[argparse.Namespace, Scope], int]

# Exit codes, beside argparse's own 2 for what is asked wrongly.
DONE, FAILED, INTERRUPTED = 0, 1, 130

HELP = """Puts files into a cloud and fetches them, through an oaktree.

The oaktree and the credentials are those of OAKTREE_ADDRESS, the credentials file and so on, as for
oaktreemodel.connect(). Exit codes: 0, all was done; 1, something failed, as is told; 2, the command
is wrong; 130, interrupted. What was interrupted goes on when it is called again."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the arguments say. The exit code."""
    given = _parser().parse_args(arguments)
    try:
        run: Run = given.run
        with connect(given.address) as client:
            place = {"cloud": given.cloud, "region": given.region, "project": _project(given)}
            return run(given, client.at(place))
    except KeyboardInterrupt:
        print("interrupted; call it again to go on", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has left. Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (OaktreeError, OSError, ValueError) as error:
        print(f"error: {_told(error)}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m oaktreemodel",
        description=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Run, about: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=about)
        made.set_defaults(run=run)
        made.add_argument("--address", help="where the oaktree is")
        made.add_argument("--cloud", help="which of its clouds; the only or default one if absent")
        made.add_argument("--region", help="which region of the cloud")
        made.add_argument("--project", help="which project, by name")
        made.add_argument("-q", "--quiet", action="store_true", help="show nothing but errors")
        return made

    upload = command(
        "upload-directory", _upload_directory, "make a container have the files of a directory"
    )
    upload.add_argument("directory", metavar="DIR")
    upload.add_argument("container", metavar="CONTAINER")
    upload.add_argument(
        "--delete-extra", action="store_true", help="delete objects that no file is of"
    )
    upload.add_argument(
        "--follow-symlinks", action="store_true", help="upload what symbolic links lead to"
    )
    download = command(
        "download-directory", _download_directory, "fetch the objects of a container as files"
    )
    download.add_argument("container", metavar="CONTAINER")
    download.add_argument("directory", metavar="DIR")
    for one in (upload, download):
        one.add_argument("--prefix", default="", help="what the objects' names begin with")
        one.add_argument("--dry-run", action="store_true", help="only tell what would be done")
        one.add_argument(
            "--ignore",
            action="append",
            default=[],
            metavar="PATTERN",
            help="what to leave out, in the words of .gitignore; may be given again",
        )
        one.add_argument(
            "--parallel",
            type=_count,
            default=PARALLEL,
            metavar="N",
            help=f"how many files at a time; {PARALLEL} if absent",
        )
    image = command("upload-image", _upload_image, "make an image of a file")
    image.add_argument("file", metavar="FILE")
    image.add_argument("--name", help="the image's name; that of the file if absent")
    image.add_argument("--disk-format", help="as the file itself says if absent")
    single = command("upload", _upload, "store a file as an object")
    single.add_argument("file", metavar="FILE")
    single.add_argument("target", metavar="CONTAINER/NAME", type=_target)
    return parser


def _upload_directory(given: argparse.Namespace, scope: Scope) -> int:
    with bar(given.quiet or given.dry_run) as progress:
        result = upload_directory(
            scope,
            given.directory,
            given.container,
            given.prefix,
            delete_extra=given.delete_extra,
            dry_run=given.dry_run,
            ignore=given.ignore,
            follow_symlinks=given.follow_symlinks,
            parallel=given.parallel,
            progress=progress,
            on_step=_show if given.dry_run else None,
        )
    return _ended(given, result, "uploaded")


def _download_directory(given: argparse.Namespace, scope: Scope) -> int:
    with bar(given.quiet or given.dry_run) as progress:
        result = download_directory(
            scope,
            given.container,
            given.prefix,
            given.directory,
            dry_run=given.dry_run,
            ignore=given.ignore,
            parallel=given.parallel,
            progress=progress,
            on_step=_show if given.dry_run else None,
        )
    return _ended(given, result, "downloaded")


def _upload_image(given: argparse.Namespace, scope: Scope) -> int:
    with bar(given.quiet) as progress:
        image = scope.images.upload(
            given.file,
            name=given.name or os.path.basename(given.file),
            disk_format=given.disk_format,
            progress=progress,
        )
    print(image.id)
    return DONE


def _upload(given: argparse.Namespace, scope: Scope) -> int:
    container, name = given.target
    with bar(given.quiet) as progress:
        scope.storage_objects.upload(given.file, parent=container, name=name, progress=progress)
    return DONE


def _project(given: argparse.Namespace) -> dict[str, str] | None:
    return {"name": given.project} if given.project else None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _target(text: str) -> tuple[str, str]:
    container, _, name = text.partition("/")
    if not container or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not CONTAINER/NAME")
    return container, name


def _show(step: FileStep) -> None:
    # A path may hold a line break, and one line is to be one file.
    path = step.path if step.path.isprintable() else repr(step.path)
    print(f"{step.action:6} {path} ({step.why})")


def _ended(given: argparse.Namespace, result: DirectoryResult, what: str) -> int:
    for path in result.left_out:
        print(f"left out: {path} is a symbolic link or no file", file=sys.stderr)
    for failure in result.failed:
        told = f"{failure.path}: " if failure.path else ""
        print(f"failed: {told}{_told(failure.error)}", file=sys.stderr)
    if not given.quiet:
        would = "would be " if given.dry_run else ""
        parts = [
            f"{result.sent} files of {result.sent_bytes} bytes {would}{what}",
            f"{result.skipped} were there already",
        ]
        if result.deleted:
            parts.append(f"{result.deleted} {would}deleted")
        if result.failed:
            parts.append(f"{len(result.failed)} failed")
        print(", ".join(parts))
    return FAILED if result.failed else DONE


def _told(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
