"""The service that answers with models."""
