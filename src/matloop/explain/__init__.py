"""What a model leans on."""
