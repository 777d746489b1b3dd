"""Cinder's fake driver with each volume's content in a small plain file.

The fake driver runs qemu-img and dd as root where an image is involved. Here a volume holds what
was written from its source, or 1 MiB of zeros, whatever its nominal size.
"""

import shutil
from pathlib import Path
from typing import Any

from cinder.tests import fake_driver
from oslo_config import cfg


class DevstackVolumeDriver(fake_driver.FakeLoggingVolumeDriver):
    def _path(self, resource: Any) -> Path:
        folder = Path(cfg.CONF.state_path, "volumes")
        folder.mkdir(parents=True, exist_ok=True)
        return folder / str(resource["id"])

    def local_path(self, volume: Any, vg: str | None = None) -> str:
        return str(self._path(volume))

    def create_volume(self, volume: Any) -> Any:
        with self._path(volume).open("wb") as stream:
            stream.truncate(1 << 20)
        return super().create_volume(volume)

    def delete_volume(self, volume: Any) -> None:
        self._path(volume).unlink(missing_ok=True)

    def create_snapshot(self, snapshot: Any) -> None:
        shutil.copyfile(self._path(snapshot.volume), self._path(snapshot))

    def delete_snapshot(self, snapshot: Any) -> None:
        self._path(snapshot).unlink(missing_ok=True)

    def create_volume_from_snapshot(self, volume: Any, snapshot: Any) -> None:
        shutil.copyfile(self._path(snapshot), self._path(volume))

    def create_cloned_volume(self, volume: Any, src_vref: Any) -> None:
        shutil.copyfile(self._path(src_vref), self._path(volume))

    def revert_to_snapshot(self, context: Any, volume: Any, snapshot: Any) -> None:
        shutil.copyfile(self._path(snapshot), self._path(volume))

    def clone_image(
        self, context: Any, volume: Any, image_location: Any, image_meta: Any, image_service: Any
    ) -> tuple[dict[str, Any], bool]:
        # Doing the download here is what keeps qemu-img out of it.
        with self._path(volume).open("wb") as stream:
            image_service.download(context, image_meta["id"], stream)
        return {}, True

    def copy_volume_to_image(
        self, context: Any, volume: Any, image_service: Any, image_meta: Any
    ) -> None:
        with self._path(volume).open("rb") as stream:
            image_service.update(context, image_meta["id"], {}, stream)
