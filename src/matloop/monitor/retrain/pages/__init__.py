"""The page "what changed" of a retraining."""
