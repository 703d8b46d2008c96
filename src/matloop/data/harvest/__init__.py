"""From the databases of the world: polite, resumable fetching, OPTIMADE, and answers kept to be replayed."""
