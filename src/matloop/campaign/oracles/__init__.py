"""Who measures: a table, a function, a calculation, a program, a folder, a person, all by one contract."""
