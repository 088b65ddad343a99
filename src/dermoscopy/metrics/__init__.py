"""How good predictions are: `labels` of images, `masks` in them. Undefined is NaN and leaves the mean."""
