"""Datasets and training runs, from configuration to a registered version. No streaming."""
