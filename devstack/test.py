"""Look at a cloud through oaktree: ``python -i devstack/test.py [CLOUD]``.

Leaves ``cloud``, ``images`` and ``flavors`` to poke at. Wants an oaktree at OAKTREE_ADDRESS (by
default 127.0.0.1:50051): ``OS_CLIENT_CONFIG_FILE=/tmp/oaktree-devstack/clouds.yaml oaktree serve``.
"""

import os
import sys

import oaktreemodel

client = oaktreemodel.connect(os.environ.get("OAKTREE_ADDRESS", "127.0.0.1:50051"))
cloud = client.cloud(sys.argv[1] if len(sys.argv) > 1 else "devstack")

images = list(cloud.images.list())
flavors = list(cloud.flavors.list())

print("images: ", ", ".join(image.name for image in images))
print("flavors:", ", ".join(flavor.name for flavor in flavors))
