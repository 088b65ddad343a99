"""From checkpoints and images to masks, labels and files; how good they are on a store."""
