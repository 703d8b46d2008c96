"""Pages and files for people: one HTML page, one JSON file and a notebook card from one `RunRecord`."""
