"""Evaluation of predictions: scores, files and pictures."""
