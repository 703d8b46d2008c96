"""What is known of a problem before anything is measured: laws, directions, symmetries, models of old data."""
