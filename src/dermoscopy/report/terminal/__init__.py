"""Terminal output of a report."""
