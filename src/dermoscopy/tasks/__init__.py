"""What one training step is, as Lightning modules."""
