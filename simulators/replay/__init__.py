"""Playing a source onto the telemetry topic at a speed. No source of its own."""
