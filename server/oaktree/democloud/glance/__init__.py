"""Glance v2."""

from . import data, images
from .service import SERVICE

__all__ = ["SERVICE", "data", "images"]
