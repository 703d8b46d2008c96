"""What to make or measure next: goals, limits, merit under doubt, and picks that differ from each other."""
