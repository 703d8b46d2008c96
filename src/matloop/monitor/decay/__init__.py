"""Whether answers have become worse: errors and coverage as labels arrive, failures by cause."""
