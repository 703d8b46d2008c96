"""Ground floor: errors, registries, atomic files, journals, element tables, units, optional imports."""
