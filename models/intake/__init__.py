"""What strange text means: times, numbers, units and names of points, as arrays. No files and no messages."""
