"""What an exported folder uses in place of libraries: the few functions that predicting needs, with numpy alone."""
