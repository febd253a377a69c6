"""What a person at a terminal sees and types, and what a process logs. No pipeline."""
