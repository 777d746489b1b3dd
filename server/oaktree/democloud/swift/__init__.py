"""Swift: object storage."""

from . import accounts, bulk, containers, objects
from .service import SERVICE

__all__ = ["SERVICE", "accounts", "bulk", "containers", "objects"]
