"""Numbers from matter: stateless featurizers and the feature table."""
