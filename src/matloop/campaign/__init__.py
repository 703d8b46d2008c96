"""The closed loop: ask, measure, tell, learn, and a log that loses nothing."""
