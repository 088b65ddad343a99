"""What a report prints."""
