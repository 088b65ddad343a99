"""Configuration: composed, checked, and turned into objects and plain values; nothing below this room reads a key."""
