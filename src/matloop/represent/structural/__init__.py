"""Crystal structures and local environments to features: flat arrays of sites and pairs, the whole batch at once."""
