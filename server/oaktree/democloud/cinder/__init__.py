"""Cinder v3, and v2 where the cloud is old."""

from . import facts, messages, volumes
from .service import SERVICE

__all__ = ["SERVICE", "facts", "messages", "volumes"]
