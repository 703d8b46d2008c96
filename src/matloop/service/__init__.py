"""Servers: the OPTIMADE standard and REST over a store; answers of models."""
