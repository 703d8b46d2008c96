"""Contract batteries for writers of plug-ins."""
