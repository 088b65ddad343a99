"""Losses on logits, computed in fp32; what is unknown counts nowhere. Of labels, of masks, and sums of terms."""
