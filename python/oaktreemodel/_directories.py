"""Whole directories, synchronously."""

from __future__ import annotations

import os
from collections.abc import Sequence

from oaktreemodel._drive import finish
from oaktreemodel._outcome import DirectoryResult, OnStep
from oaktreemodel._progress import OnProgress
from oaktreemodel._threads import Threads
from oaktreemodel.v1.scope_sync import Scope

PARALLEL = 10


def upload_directory(
    scope: Scope,
    directory: str | os.PathLike[str],
    container: str,
    prefix: str = "",
    *,
    delete_extra: bool = False,
    dry_run: bool = False,
    ignore: Sequence[str] = (),
    follow_symlinks: bool = False,
    parallel: int = PARALLEL,
    progress: OnProgress | None = None,
    on_step: OnStep | None = None,
) -> DirectoryResult:
    """Makes a container have the files of a directory. What it has already, by size and MD5, is not
    sent again: so whatever broke off goes on when it is called again.

    A file that cannot be read, vanishes, changes while it is read or has a name that no object may
    have is told in the result, and the others are sent nevertheless. What would befall every other
    one, too, is raised: oaktree or the cloud cannot be reached, the quota is used up, and so on.

    Args:
        scope: Where the container is: a client's `cloud("name")`.
        directory: Its path.
        container: The container's name.
        prefix: What to put before the files' paths to make the objects' names, such as `photos/`.
        delete_extra: Whether to delete objects whose names begin with the prefix and that no file
            is of. Those that `ignore` means are kept, and all are where not all of the directory
            could be read.
        dry_run: True: nothing is changed, only told.
        ignore: Which files and directories to leave out, in the words of .gitignore.
        follow_symlinks: Whether to upload what symbolic links lead to. Else they are left out, and
            told in the result.
        parallel: How many files to send at a time.
        progress: Called with how far it is, from whichever thread is at work, one at a time.
        on_step: Called with what is done with each file, in the same way.

    Raises:
        OSError: The directory itself cannot be read.
        NotFound: There is no such container.
        OaktreeError: What would befall every file.
    """
    from oaktreemodel._upload_directory import Wishes
    from oaktreemodel._upload_directory import upload_directory as upload

    wishes = Wishes(
        directory=os.fsdecode(directory),
        container=container,
        prefix=prefix,
        delete_extra=delete_extra,
        dry_run=dry_run,
        ignore=ignore,
        follow_symlinks=follow_symlinks,
        parallel=parallel,
    )
    with Threads(scope.storage_objects) as driver:
        return finish(upload(driver, wishes, progress, on_step))


def download_directory(
    scope: Scope,
    container: str,
    prefix: str,
    directory: str | os.PathLike[str],
    *,
    dry_run: bool = False,
    ignore: Sequence[str] = (),
    parallel: int = PARALLEL,
    progress: OnProgress | None = None,
    on_step: OnStep | None = None,
) -> DirectoryResult:
    """Makes a directory have the objects of a container as files. Files that are there with the
    same bytes are left alone; what no object is of stays.

    Nothing is ever written outside the directory, whatever the names say: one that leads out of it,
    is no path here, or would be the same file as another, is told in the result, and the others are
    fetched nevertheless. A file appears under its name once all of it is there and checked.

    Args:
        scope: Where the container is: a client's `cloud("name")`.
        container: The container's name.
        prefix: Which objects: those whose names begin so. It is no part of the files' paths. Empty:
            all.
        directory: Its path. It is made if it is not there.
        dry_run: True: nothing is fetched or made, only told. Names that differ by case alone are
            taken for different files then, even where they are not.
        ignore: Which files and directories to leave out, in the words of .gitignore.
        parallel: How many files to fetch at a time.
        progress: Called with how far it is, from whichever thread is at work, one at a time.
        on_step: Called with what is done with each file, in the same way.

    Raises:
        OSError: The directory itself cannot be made or written to, or the disk is full.
        NotFound: There is no such container.
        OaktreeError: What would befall every file.
    """
    from oaktreemodel._download_directory import Wishes
    from oaktreemodel._download_directory import download_directory as download

    wishes = Wishes(
        container=container,
        prefix=prefix,
        directory=os.fsdecode(directory),
        dry_run=dry_run,
        ignore=ignore,
        parallel=parallel,
    )
    with Threads(scope.storage_objects) as driver:
        return finish(download(driver, wishes, progress, on_step))
