"""Whether a table, a split or a whole pipeline lets the answers leak into the questions."""
