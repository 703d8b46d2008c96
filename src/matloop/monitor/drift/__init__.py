"""Whether what is asked has changed: features, chemistry, the whole."""
