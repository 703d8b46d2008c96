"""Which model is in use: names, versions, stages and where each comes from, kept in the store."""
