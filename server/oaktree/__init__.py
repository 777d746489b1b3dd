"""The oaktree server."""
