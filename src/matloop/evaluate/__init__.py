"""What is known about a model: evidence, baselines, failures, the verdict."""
