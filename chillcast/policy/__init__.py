"""Policies tried on a history of risks that were said. No policy itself."""
