"""From a store to batches: which rows, in which order, and what they hold."""
