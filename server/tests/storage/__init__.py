"""Object storage, over real gRPC, against the embedded clouds."""
