"""Prediction and evaluation with trained networks: from checkpoints and images to masks, labels, files and scores."""
