"""An ML2 mechanism driver that binds every port, with no agent.

Neutron's own test drivers do not serve: ``fake_agent`` needs an agent that reports itself over RPC,
``test`` keeps its bound ports in memory and asserts.
"""

from typing import Any

from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api


class DevstackMechanismDriver(api.MechanismDriver):
    def initialize(self) -> None:
        pass

    @property
    def connectivity(self) -> str:
        return str(portbindings.CONNECTIVITY_L2)

    def bind_port(self, context: Any) -> None:
        for segment in context.segments_to_bind[:1]:
            # ACTIVE at once: no agent will report the port as wired.
            context.set_binding(
                segment[api.ID],
                portbindings.VIF_TYPE_OVS,
                {portbindings.CAP_PORT_FILTER: True},
                status=constants.PORT_STATUS_ACTIVE,
            )
