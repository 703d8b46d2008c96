"""Pages about campaigns: self-contained HTML of the same make as the report of a run."""
