"""The machine and its files: whole writes, leases, threads, GPUs, provenance, messages."""
