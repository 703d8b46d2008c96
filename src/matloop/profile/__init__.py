"""What is known about a set of rows: maps, clusters, how well they cover their space."""
