"""Tables in, an accountable dataset out: sources, cleaning, provenance."""
