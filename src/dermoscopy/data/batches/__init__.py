"""From a store to batches: choice of rows, their order, and the content of a batch."""
