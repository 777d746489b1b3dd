"""Benchmarks: what oaktree costs, as ratios to a peer measured in the same run."""
