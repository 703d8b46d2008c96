"""Numbers of merit, with intervals; only scoring."""
