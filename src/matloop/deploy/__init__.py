"""Bundles: models as data, and predicting with them."""
