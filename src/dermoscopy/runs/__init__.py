"""The files that runs write: their names, keys, records, histories and checkpoints, and how runs are looked up."""
