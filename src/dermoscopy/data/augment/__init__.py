"""Augmentation of an image and its masks in training: geometry, colour, blur, noise."""
