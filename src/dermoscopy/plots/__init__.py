"""Common parts of all figures: style, panels, curves."""
