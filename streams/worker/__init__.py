"""Running a stage over the partitions a worker is given, with one commit per batch. No stage's own logic."""
