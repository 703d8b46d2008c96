"""Ways to search without a model, and for high dimensions."""
