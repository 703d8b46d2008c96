"""Several goals at once: what dominates what, and what one costs another."""
