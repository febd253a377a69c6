"""What makes telemetry: chillers, faults, weather, recordings and replay."""
