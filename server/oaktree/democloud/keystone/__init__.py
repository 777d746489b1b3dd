"""Keystone v3."""

from . import credentials, oauth, projects, tokens, users
from .service import SERVICE

__all__ = ["SERVICE", "credentials", "oauth", "projects", "tokens", "users"]
