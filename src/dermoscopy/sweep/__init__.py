"""A sweep: planned, held, its jobs trained and followed; a run reproduced and compared."""
