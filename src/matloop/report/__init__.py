"""Pages from values."""
