"""What a row is: batches of flat arrays."""
