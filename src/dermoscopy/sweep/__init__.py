"""Sweeps: planning, training and following their jobs; reproduction of a run and comparison with the original."""
