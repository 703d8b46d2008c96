"""Choices of cleaning: levels of theory, polymorphs, faulty and repeated structures, values that stand out."""
