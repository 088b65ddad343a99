"""Experiments on dermoscopy images: prepare, train, sweep, compare. The words are explained in `contracts.py`."""
