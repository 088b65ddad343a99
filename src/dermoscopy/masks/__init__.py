"""Masks as input and output of networks: encoded, zeroed, viewed, given under a condition, predicted."""
