"""Masks as input and output of networks: encoding, zeroing, views, mask conditions, predictions."""
