"""Published data sets by name: Matbench with its official folds, those of matminer, and those of JARVIS."""
