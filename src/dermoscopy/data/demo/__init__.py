"""Synthetic dermoscopy images, drawn from a causal model with known ground truth."""
