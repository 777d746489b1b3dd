"""Nova's fake driver, able to snapshot and to survive a restart."""

import io
from collections.abc import Callable
from typing import Any

from nova.compute import power_state, task_states
from nova.image import glance
from nova.virt import fake, node


class DevstackDriver(fake.FakeDriver):
    def snapshot(
        self,
        context: Any,
        instance: Any,
        image_id: str,
        update_task_state: Callable[..., None],
    ) -> None:
        # The fake driver uploads nothing: its snapshots stay "queued".
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        api = glance.API()
        image = api.get(context, image_id)
        update_task_state(
            task_state=task_states.IMAGE_UPLOADING,
            expected_state=task_states.IMAGE_PENDING_UPLOAD,
        )
        metadata = {
            "name": image["name"],
            "status": "active",
            "disk_format": "raw",
            "container_format": "bare",
            "properties": {},
        }
        content = io.BytesIO(instance.uuid.encode() * 1000)
        api.update(context, image_id, metadata, content, purge_props=False)

    # After a restart the fake driver gives its node a new identity, over which Nova refuses to
    # start, and has forgotten its servers, which makes them unusable.
    def get_nodenames_by_uuid(self, refresh: bool = False) -> dict[str, str]:
        return {node.get_local_node_uuid(): self._host}

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        resource: dict[str, Any] = super().get_available_resource(nodename)
        return {**resource, "uuid": node.get_local_node_uuid()}

    def get_info(self, instance: Any, use_cache: bool = True) -> Any:
        if instance.uuid not in self.instances and instance.power_state in (
            power_state.RUNNING,
            power_state.PAUSED,
            power_state.SHUTDOWN,
            power_state.SUSPENDED,
        ):
            self.instances[instance.uuid] = fake.FakeInstance(
                instance.name, instance.power_state, instance.uuid
            )
            self.resources.claim(
                vcpus=instance.flavor.vcpus,
                mem=instance.flavor.memory_mb,
                disk=instance.flavor.root_gb,
            )
        return super().get_info(instance, use_cache)
