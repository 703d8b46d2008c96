"""From a table somebody wrote to rows with named inputs and targets, and a list of all that was done to them."""
