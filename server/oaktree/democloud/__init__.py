"""Three OpenStack-shaped clouds over real HTTP: for `oaktree demo`, tests and benchmarks.

`modern` has two regions and needs floating IPs, `direct` gives its servers public addresses, and
`kilo` is as old as its name; `direct` has no object storage. Each listens on a loopback port of its
own and holds its state in memory, large images and objects in a file that goes with the process.
`python -m oaktree.democloud` runs them as one.

    with DemoCloud.start(build_seconds=0.5) as demo:
        demo.write_clouds_yaml("clouds.yaml")
        demo.fault("modern", "status", service="compute", status=503, times=2)

What they answer, in which words and with which codes, was compared with real services.
"""

from .handle import DemoCloud
from .layout import Net

__all__ = ["DemoCloud", "Net"]
