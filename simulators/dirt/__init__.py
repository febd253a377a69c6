"""What happens to telemetry between an instrument and the broker. No physics."""
