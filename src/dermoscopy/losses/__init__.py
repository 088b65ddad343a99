"""Losses of labels, masks and mask views on logits, computed in fp32; unknown labels and pixels do not count."""
