"""Neutron's L3 router plugin, doing for itself what an L3 agent reports.

With no agent a floating IP stays DOWN for ever, and clients that wait for an association wait for
ACTIVE. OVN's plugin sets the status in the same way.
"""

from typing import Any

from neutron.services.l3_router import l3_router_plugin
from neutron_lib import constants


class DevstackL3Plugin(l3_router_plugin.L3RouterPlugin):
    def _settle(self, context: Any, floating_ip: dict[str, Any]) -> dict[str, Any]:
        status = (
            constants.FLOATINGIP_STATUS_ACTIVE
            if floating_ip.get("port_id")
            else constants.FLOATINGIP_STATUS_DOWN
        )
        if floating_ip["status"] != status:
            self.update_floatingip_status(context, floating_ip["id"], status)
            floating_ip["status"] = status
        return floating_ip

    def create_floatingip(self, context: Any, floatingip: dict[str, Any]) -> dict[str, Any]:
        return self._settle(context, super().create_floatingip(context, floatingip))

    def update_floatingip(
        self, context: Any, id: str, floatingip: dict[str, Any]
    ) -> dict[str, Any]:
        return self._settle(context, super().update_floatingip(context, id, floatingip))

    def disassociate_floatingips(self, context: Any, port_id: str, **kwargs: Any) -> Any:
        admin = context.elevated()
        attached = self.get_floatingips(admin, filters={"port_id": [port_id]}, fields=["id"])
        result = super().disassociate_floatingips(context, port_id, **kwargs)
        for floating_ip in attached:
            self.update_floatingip_status(
                admin, floating_ip["id"], constants.FLOATINGIP_STATUS_DOWN
            )
        return result
