"""How values were measured: who, when, with what, in which batch, what that does to values; files of instruments."""
