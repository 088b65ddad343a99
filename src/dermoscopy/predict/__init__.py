"""From a checkpoint and new images to labels."""
