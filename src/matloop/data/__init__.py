"""Sources, datasets, cleaning: from a table somebody wrote to rows with named inputs, targets and a list of what was done."""
