"""nova-compute with ``compute_driver = devstack.DevstackDriver``.

Nova imports drivers from below ``nova.virt`` only.
"""

import sys

from nova.cmd import compute

from oaktree_devstack import nova_driver

if __name__ == "__main__":
    sys.modules["nova.virt.devstack"] = nova_driver
    sys.exit(compute.main())
