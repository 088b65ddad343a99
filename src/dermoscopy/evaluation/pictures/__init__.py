"""Pictures of what a network predicted in test images."""
