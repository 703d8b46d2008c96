"""Who may see which row: folds, clusters, and the vault."""
