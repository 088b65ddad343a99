"""A stage trained: data, task and trainer together, resumable to the last bit."""
