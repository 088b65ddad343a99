"""What all figures share: style, panels, curves."""
