"""Pages of monitoring: self-contained, in the look of the report."""
