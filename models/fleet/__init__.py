"""What a fleet is: its file and its machines. No telemetry and no model."""
