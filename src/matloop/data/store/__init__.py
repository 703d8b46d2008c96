"""A real database for what was collected: records with units, methods and origins, in versions that never change."""
