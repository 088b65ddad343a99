"""Inspection of a store before training: tables, pictures and near-duplicates on one page."""
