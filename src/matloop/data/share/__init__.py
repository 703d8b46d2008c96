"""Sharing a dataset: a folder with data, licence, citation and provenance, and back into a store."""
