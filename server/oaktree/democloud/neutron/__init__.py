"""Neutron v2.0."""

from . import facts, resources, routers, topology
from .service import SERVICE

__all__ = ["SERVICE", "facts", "resources", "routers", "topology"]
