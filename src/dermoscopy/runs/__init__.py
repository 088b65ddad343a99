"""What runs leave on disk: file names, keys, records, history, checkpoints, and how they are found."""
