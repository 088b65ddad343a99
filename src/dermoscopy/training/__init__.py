"""Training of a stage: data, task and trainer together, resumable with identical results."""
