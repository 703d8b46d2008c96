"""One structure from and to what the field writes it in: a file per format, nothing here knows batches."""
