"""What is in a store, looked at before anything is trained on it: tables, pictures, near-duplicates, one page."""
