"""Recorded fleets: captured, replayed and judged. No reading of file formats."""
