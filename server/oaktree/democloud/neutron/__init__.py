"""Neutron v2.0."""

from . import facts, resources, routers
from .service import SERVICE

__all__ = ["SERVICE", "facts", "resources", "routers"]
