"""Keystone v3."""

from . import projects, tokens
from .service import SERVICE

__all__ = ["SERVICE", "projects", "tokens"]
