"""What an experiment is worth before it is made, and batches of them."""
