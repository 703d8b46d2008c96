"""Featurizers of molecules: descriptors, fingerprints and what is made of 3D coordinates. RDKit; extra `molecules`."""
