"""From predicted masks and a store to scores, files and pictures."""
