"""How much of everything Swift takes: as it comes, unless a deployer says otherwise."""

# In bytes, of UTF-8.
MAX_CONTAINER, MAX_OBJECT = 256, 1024
MAX_SIZE = 5 * (1 << 30) + 2
MAX_SEGMENTS, MAX_MANIFEST = 1000, 8 << 20
MAX_DELETES = 10_000
