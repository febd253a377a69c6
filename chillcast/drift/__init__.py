"""Drift with a name: what was told of it in a time, and what was done, as a page. No messages."""
