"""Published data sets that matloop carries: a file, a card that says what it is, and the recipe that made it."""
