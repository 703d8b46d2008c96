"""Candidates, the search under limits, and the final model."""
