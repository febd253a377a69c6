"""Fitting models from a history, in the order of time. Nothing here runs in a worker."""
