"""The oaktree server: a gRPC interface to OpenStack clouds."""

__version__ = "0.1.0"
