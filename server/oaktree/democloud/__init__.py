"""An OpenStack-shaped cloud in this process: for `oaktree demo`, tests and benchmarks."""

from .handle import DemoCloud

__all__ = ["DemoCloud"]
