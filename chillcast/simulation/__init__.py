"""Simulating a fleet from the command line. No physics."""
