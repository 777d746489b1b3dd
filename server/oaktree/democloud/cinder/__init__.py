"""Cinder v3, and v2 where the cloud is old."""

from . import facts, volumes
from .service import SERVICE

__all__ = ["SERVICE", "facts", "volumes"]
