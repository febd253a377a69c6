"""The front door: command line, settings and demonstration."""
