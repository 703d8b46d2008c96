"""From a question about materials to a model that can be trusted, and to the next experiment."""
