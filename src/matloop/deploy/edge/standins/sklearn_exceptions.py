"""The error that models raise before they are fitted."""


class NotFittedError(ValueError, AttributeError):
    """A model that came without its arrays."""
