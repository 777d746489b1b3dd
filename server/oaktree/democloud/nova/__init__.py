"""Nova v2.1."""

from . import actions, create, flavors, keypairs, labels, servers
from .service import SERVICE

__all__ = ["SERVICE", "actions", "create", "flavors", "keypairs", "labels", "servers"]
