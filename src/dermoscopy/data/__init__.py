"""Raw files to store, store to batch."""
