"""Watching models in use: drift, decay, failures; and training them anew."""
