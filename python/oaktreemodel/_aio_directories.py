"""Whole directories, for asyncio."""

from __future__ import annotations

import os
from collections.abc import Sequence

from oaktreemodel._directories import PARALLEL
from oaktreemodel._outcome import DirectoryResult, OnStep
from oaktreemodel._progress import OnProgress
from oaktreemodel._tasks import Tasks
from oaktreemodel.v1.scope_aio import Scope


async def upload_directory(
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
    """As `oaktreemodel.upload_directory`; the callbacks are called in the event loop."""
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
    async with Tasks(scope.storage_objects, parallel) as driver:
        return await upload(driver, wishes, progress, on_step)


async def download_directory(
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
    """As `oaktreemodel.download_directory`; the callbacks are called in the event loop."""
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
    async with Tasks(scope.storage_objects, parallel) as driver:
        return await download(driver, wishes, progress, on_step)
