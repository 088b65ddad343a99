"""Configuration: composed, checked, and turned into objects and plain values; no lower package reads its keys."""
