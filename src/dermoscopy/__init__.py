"""Experiments on dermoscopy images: prepare, train, sweep, compare. The words are explained in `contracts.py`."""

from dermoscopy.machine.threads import others_run, release_cores

release_cores(others_run())  # before torch is imported: OpenMP reads its settings once
