"""Glance v2."""

from . import data, details, images, imports, tasks
from .service import SERVICE

__all__ = ["SERVICE", "data", "details", "images", "imports", "tasks"]
