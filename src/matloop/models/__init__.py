"""Model families: scikit-learn estimators that are also plain arrays."""
