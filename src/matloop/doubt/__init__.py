"""How sure a prediction is and where not to trust it."""
