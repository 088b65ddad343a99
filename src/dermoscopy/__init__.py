"""Experiments on dermoscopy images: prepare, train, sweep, compare. The words are explained in `contracts.py`."""

from dermoscopy.machine.threads import release_cores

release_cores()  # before torch is imported: OpenMP reads its settings once
