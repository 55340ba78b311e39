"""Benchmarks: what the runtime does in a second, beside its peers, measured in the same minute."""
