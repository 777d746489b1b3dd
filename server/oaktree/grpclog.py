"""What gRPC's core writes to standard error by itself: nothing. It quotes what peers send, which
may be a token in the wrong place, and any peer could fill a disk with it. Imported before gRPC
is."""

import os

# Who looks for a fault of gRPC's sets it himself.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
