"""A small fleet that drifts, and the loop that mends its model: for tests, and for `make loop`."""
