"""Spaces that can be sampled, searched and encoded without being enumerated."""
