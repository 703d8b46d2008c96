"""Predictions of tables of any size: streamed, resumable, over processes or a cluster."""
