"""The machine and its files: atomic writes, leases, threads, GPUs, provenance, messages."""
